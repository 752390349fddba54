-- Files: a bucket is a namespace of paths, and who may see a file is said by a word of its own.

-- The bucket of an owner's files, which holds no other's (see files_bucket_check); 'service' is for files without an owner.
create function tidemark.private_bucket(owner text) returns text language sql immutable set search_path = '' as
  $$ select case when owner is null then 'service' else '~' || owner end $$;
-- Where a path is looked up when no bucket is named.
create function tidemark.own_bucket() returns text language sql stable set search_path = '' as
  $$ select tidemark.private_bucket(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub') $$;

alter table tidemark.files
  add column bucket text,
  -- 'public': everybody may see it. Anything else is for its owner, the service, and whom policies let.
  add column visibility text not null default 'private' check (visibility in ('private', 'public'));
-- A file without an owner was shown to everybody. From now on only the service sees it, unless it is one of the demo's images.
-- To publish others: update tidemark.files set visibility = 'public' where …
update tidemark.files set bucket = tidemark.private_bucket(owner);
update tidemark.files set bucket = 'demo', visibility = 'public'
  where owner is null and job_id is null and starts_with(path, 'demo/images/');
alter table tidemark.files alter column bucket set not null;
alter table tidemark.files add constraint files_bucket_check
  check (bucket = tidemark.private_bucket(owner) or bucket ~ '^[a-z0-9][a-z0-9._-]{0,62}$');

-- Byte order, in which files are listed; equality uses it as well.
alter table tidemark.files drop constraint files_path_key;
create unique index files_bucket_path on tidemark.files (bucket, path text_pattern_ops);
drop index tidemark.files_path_prefix;
create index files_path_prefix on tidemark.files (path text_pattern_ops, bucket text_pattern_ops);

create or replace function tidemark.fill_file() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  select c.content_type, c.size, c.sha256 into new.content_type, new.size, new.sha256
    from tidemark.file_contents c where c.id = new.id;
  if not found then
    raise exception using errcode = 'PT400', message = 'the row of a file is inserted together with its bytes',
      hint = 'Upload the bytes by PUT /api/v1/files/<path>, which inserts the row.';
  end if;
  new.bucket := coalesce(new.bucket, tidemark.private_bucket(new.owner));
  return new;
end $$;
revoke execute on function tidemark.fill_file() from public;

grant insert (bucket, visibility) on tidemark.files to authenticated, service_role;
grant update (visibility) on tidemark.files to service_role;
create policy files_publish_all on tidemark.files for update to service_role using (true);

alter policy files_own on tidemark.files
  using (visibility = 'public' or owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
alter policy files_public on tidemark.files using (visibility = 'public');
-- Into one's own bucket, for oneself. A shared bucket, or publishing, is for a policy of the team's own:
--
--   create policy avatars on tidemark.files for insert to authenticated with check (bucket = 'avatars' and visibility = 'public'
--     and owner = current_setting('request.jwt.claims', true)::json ->> 'sub');
alter policy files_upload on tidemark.files
  with check (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')
    and bucket = tidemark.private_bucket(owner) and visibility = 'private' and not starts_with(path, 'jobs/'));

-- Operators have no business in files.
alter policy files_all on tidemark.files to service_role;
revoke select on tidemark.files from ops;
