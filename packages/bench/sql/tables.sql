-- Tables of the HTTP scenarios, small enough to stay in Postgres's buffers.
create table public.items (
  id int primary key,
  name text not null,
  price numeric(10, 2) not null,
  stock int not null,
  created_at timestamptz not null default now()
);
insert into public.items (id, name, price, stock) select n, 'item ' || n, n * 0.25, n % 100 from generate_series(1, 10000) n;
grant select on public.items to anon, authenticated;

create table public.notes (
  id int primary key,
  owner text not null,
  body text not null
);
insert into public.notes (id, owner, body) select n, 'user-' || n % 100, 'note ' || n from generate_series(1, 10000) n;
alter table public.notes enable row level security;
create policy own on public.notes for select to authenticated
  using (owner = (select current_setting('request.jwt.claims', true)::json ->> 'sub'));
grant select on public.notes to authenticated;

create table public.readings (
  id bigint generated always as identity primary key,
  sensor int not null,
  value double precision not null,
  taken_at timestamptz not null default now()
);
grant select, insert on public.readings to anon, authenticated;

create table public.authors (id int primary key, name text not null);
create table public.posts (id int primary key, author_id int not null references public.authors, title text not null);
create table public.comments (id int primary key, post_id int not null references public.posts, body text not null);
create index on public.posts (author_id);
create index on public.comments (post_id);
insert into public.authors select n, 'author ' || n from generate_series(1, 100) n;
insert into public.posts select n, n % 100 + 1, 'post ' || n from generate_series(1, 2000) n;
insert into public.comments select n, n % 2000 + 1, 'comment ' || n from generate_series(1, 10000) n;
grant select on public.authors, public.posts, public.comments to anon, authenticated;

-- The cache serves only tables whose changes are published.
alter publication tidemark add table public.items, public.authors, public.posts, public.comments;

-- Otherwise autovacuum would analyze the tables in the middle of a round.
analyze public.items, public.notes, public.authors, public.posts, public.comments;
