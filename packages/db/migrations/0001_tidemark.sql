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

create table tidemark.files (
  id uuid primary key default gen_random_uuid(),
  path text not null check (length(path) between 1 and 1024),
  content_type text not null,
  size bigint not null check (size >= 0),
  sha256 text not null,
  -- Where the bytes are, for the file store: never shown to clients.
  storage_key text not null,
  metadata jsonb not null default '{}',
  owner text,
  job_id uuid,
  created_at timestamptz not null default now(),
  unique (path)
);
-- For the deletion of bytes: does another row have them?
create index files_storage_key on tidemark.files (storage_key);
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

-- A client may start a job as itself, and may see and cancel its own. What the runner keeps (state, counts) is not the client's to set.
grant select on tidemark.jobs to authenticated, service_role, ops;
grant insert (id, kind, spec, priority) on tidemark.jobs to authenticated, service_role;
alter table tidemark.jobs enable row level security;
create policy jobs_own on tidemark.jobs for select to authenticated
  using (owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy jobs_start on tidemark.jobs for insert to authenticated, service_role with check (true);
create policy jobs_all on tidemark.jobs for select to service_role, ops using (true);

grant select on tidemark.files to anon, authenticated, service_role, ops;
alter table tidemark.files enable row level security;
create policy files_own on tidemark.files for select to authenticated
  using (owner is null or owner = (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy files_public on tidemark.files for select to anon using (owner is null);
create policy files_all on tidemark.files for select to service_role, ops using (true);

-- What the relay follows. `tidemark live enable <table>` adds to it.
create publication tidemark for table tidemark.jobs with (publish_via_partition_root = true);
