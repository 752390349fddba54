-- Roles: what a JWT's `role` claim may name. NOLOGIN: the services log in as their own user and SET ROLE.
do $$
declare
  r text;
  -- Postgres 16 tells membership from the right to SET ROLE; who creates a role there has the first without the second.
  needed text := case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end;
begin
  foreach r in array array['anon', 'authenticated', 'service_role', 'ops', 'tidemark_none'] loop
    if not exists (select from pg_roles where rolname = r) then
      begin
        execute format('create role %I nologin noinherit', r);
      exception when duplicate_object or unique_violation then null; -- another database of this server did it meanwhile
      end;
    end if;
    begin
      if not pg_has_role(current_user, r, needed) then
        execute format('grant %I to %I', r, current_user);
      end if;
    exception when unique_violation then null; -- the same, for the grant
    end;
  end loop;
end $$;

create schema if not exists tidemark; -- there already, with the table of migrations
grant usage on schema tidemark to anon, authenticated, service_role, ops;

-- The epoch in force is the last row. A new one is minted when continuity is broken.
create table tidemark.epochs (
  epoch text primary key check (epoch ~ '^[0-9a-z]{6,16}$'),
  minted_at timestamptz not null default clock_timestamp(),
  reason text not null,
  -- What the epoch belongs to: a restored backup has another timeline, a new cluster another identifier.
  system_identifier text not null,
  timeline integer not null
);
grant select on tidemark.epochs to anon, authenticated, service_role, ops;

-- Ready-made schemas that were loaded.
create table tidemark.blueprints (
  name text primary key,
  loaded_at timestamptz not null default clock_timestamp()
);

-- The bytes of a file: written by the services alone, in the transaction that inserts its row, and granted to nobody. It is a
-- table of its own so that `select *` on files needs no right to it, and no change of files carries it to subscribers.
create table tidemark.file_contents (
  id uuid primary key,
  -- Where the bytes are, for the file store.
  storage_key text not null,
  content_type text not null,
  size bigint not null check (size >= 0),
  sha256 text not null
);
-- For the deletion of bytes: does another file have them?
create index file_contents_storage_key on tidemark.file_contents (storage_key);

create table tidemark.files (
  id uuid primary key references tidemark.file_contents,
  path text not null check (length(path) between 1 and 1024),
  -- These three come from file_contents, whatever the insert says.
  content_type text not null,
  size bigint not null,
  sha256 text not null,
  metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
  -- The `sub` of who uploaded it; null: everybody may see it.
  owner text default (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'),
  job_id uuid,
  created_at timestamptz not null default now(),
  unique (path)
);
create index files_job_id on tidemark.files (job_id) where job_id is not null;
create index files_path_prefix on tidemark.files (path text_pattern_ops);

create table tidemark.jobs (
  id uuid primary key default gen_random_uuid(),
  kind text not null check (length(kind) between 1 and 64),
  spec jsonb not null,
  priority text not null default 'normal' check (priority in ('high', 'normal', 'low')),
  state text not null default 'queued' check (state in ('queued', 'planning', 'running', 'succeeded', 'failed', 'cancelled')),
  total integer not null default 0 check (total >= 0),
  done integer not null default 0 check (done >= 0),
  failed integer not null default 0 check (failed >= 0),
  error jsonb,
  -- Who asked: the job's statements run under these.
  owner text default (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'),
  role text not null default current_user,
  claims jsonb not null default coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb,
  created_at timestamptz not null default now(),
  started_at timestamptz,
  finished_at timestamptz
);
-- For the dashboard's last hour.
create index jobs_finished on tidemark.jobs (finished_at) where finished_at is not null;
create index jobs_unfinished on tidemark.jobs (created_at) where state in ('queued', 'planning', 'running');
-- The relay needs whole old rows: policies are evaluated over them.
alter table tidemark.jobs replica identity full;

create table tidemark.job_chunks (
  job_id uuid not null references tidemark.jobs on delete cascade,
  chunk integer not null check (chunk >= 0),
  state text not null default 'planned' check (state in ('planned', 'queued', 'running', 'done', 'failed', 'cancelled')),
  attempt integer not null default 0,
  items jsonb not null,
  done integer not null default 0,
  failed integer not null default 0,
  errors jsonb,
  worker text,
  -- A running chunk whose lease is over is taken back by the sweeper.
  lease_until timestamptz,
  queued_at timestamptz,
  finished_at timestamptz,
  primary key (job_id, chunk)
);
create index job_chunks_open on tidemark.job_chunks (job_id, chunk) where state in ('planned', 'queued', 'running');
-- The sweeper's questions, each second: leases that are over, chunks whose message was lost.
create index job_chunks_running on tidemark.job_chunks (lease_until) where state = 'running';
create index job_chunks_queued on tidemark.job_chunks (queued_at) where state = 'queued';

-- Answers to writes that were sent with an Idempotency-Key, written by the gateway as its own user in the transaction of the
-- write itself. No API role has any right here: a key is looked up under the scope that the gateway derives from the token.
create table tidemark.idempotency_keys (
  scope text not null check (length(scope) <= 1024),
  key text not null check (length(key) between 1 and 255),
  fingerprint text not null,
  status integer not null,
  headers json not null,
  body text not null,
  expires_at timestamptz not null,
  primary key (scope, key)
);
create index idempotency_keys_expiry on tidemark.idempotency_keys (expires_at);

-- A client may start a job as itself, and may see and cancel its own. What the runner keeps (state, counts) is not the client's to set.
grant select on tidemark.jobs to authenticated, service_role, ops;
grant insert (id, kind, spec, priority) on tidemark.jobs to authenticated, service_role;
alter table tidemark.jobs enable row level security;
create policy jobs_own on tidemark.jobs for select to authenticated
  using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy jobs_start on tidemark.jobs for insert to authenticated, service_role with check (true);
create policy jobs_all on tidemark.jobs for select to service_role, ops using (true);

-- Who inserts a file's row is the caller, so that grants and policies decide; what the row says of the bytes is the service's
-- word. A client that inserts by itself has no contents to point at, so nobody gets at bytes by knowing their hash.
create function tidemark.fill_file() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  select c.content_type, c.size, c.sha256 into new.content_type, new.size, new.sha256
    from tidemark.file_contents c where c.id = new.id;
  if not found then
    raise exception using errcode = 'PT400', message = 'the row of a file is inserted together with its bytes',
      hint = 'Upload the bytes by PUT /api/v1/files/<path>, which inserts the row.';
  end if;
  return new;
end $$;
create trigger fill_file before insert on tidemark.files for each row execute function tidemark.fill_file();
create function tidemark.drop_file_contents() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  delete from tidemark.file_contents where id = old.id;
  return null;
end $$;
create trigger drop_file_contents after delete on tidemark.files for each row execute function tidemark.drop_file_contents();
revoke execute on function tidemark.fill_file(), tidemark.drop_file_contents() from public;

grant select on tidemark.files to anon, authenticated, service_role, ops;
grant insert (id, path, metadata, owner), delete on tidemark.files to authenticated, service_role;
alter table tidemark.files enable row level security;
create policy files_own on tidemark.files for select to authenticated
  using (owner is null or owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy files_public on tidemark.files for select to anon using (owner is null);
create policy files_all on tidemark.files for select to service_role, ops using (true);
-- Paths below jobs/ are the batch service's: who could take one would make the job fail that comes to it.
create policy files_upload on tidemark.files for insert to authenticated
  with check (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub') and not starts_with(path, 'jobs/'));
create policy files_upload_all on tidemark.files for insert to service_role with check (true);
create policy files_delete on tidemark.files for delete to authenticated
  using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy files_delete_all on tidemark.files for delete to service_role using (true);

-- What the relay follows. `tidemark live enable <table>` adds to it.
create publication tidemark for table tidemark.jobs with (publish_via_partition_root = true);
