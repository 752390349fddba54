-- The replica identity that a table had before `tidemark live enable` changed it, for `tidemark live disable` to give back. A
-- partition has a row of its own. For the role that owns the schema alone.
create table tidemark.live_identities (
  relation regclass primary key,
  identity "char" not null check (identity in ('d', 'n', 'f', 'i')),
  -- Of identity 'i', in the relation's schema.
  index_name text,
  -- What enable made of it: an identity that somebody changed since stays as it is.
  made "char" not null check (made in ('d', 'f', 'i'))
);
