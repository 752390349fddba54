-- Tenants share the threads and the places of running jobs, and an instance takes only chunks of the kinds and versions that it has.

create table tidemark.job_settings (
  one boolean primary key default true check (one),
  -- The claim of the token that names the tenant: BATCH_TENANT_CLAIM of the instance that started last.
  tenant_claim text not null default 'sub' check (length(tenant_claim) between 1 and 255)
);
insert into tidemark.job_settings default values;
grant select, update on tidemark.job_settings to tidemark_batch;

alter table tidemark.jobs add column tenant text not null default '';
update tidemark.jobs set tenant = coalesce(left(owner, 255), '');
grant select (tenant) on tidemark.jobs to ops;

-- No API role may insert the column, so that the tenant is always the token's. A token without the claim counts as its subject.
create function tidemark.name_job_tenant() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  claims jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  claim text := (select tenant_claim from tidemark.job_settings);
begin
  new.tenant := left(coalesce(claims ->> claim, claims #>> string_to_array(claim, '.'), nullif(new.tenant, ''), new.owner, ''), 255);
  return new;
end $$;
revoke execute on function tidemark.name_job_tenant() from public;
create trigger name_job_tenant before insert on tidemark.jobs for each row execute function tidemark.name_job_tenant();

-- The versions of kinds that instances run. Each instance renews its rows every 10 seconds.
create table tidemark.job_kind_versions (
  name text not null,
  version integer not null,
  -- The oldest version whose jobs this one runs.
  oldest integer not null check (oldest between 1 and version),
  seen_at timestamptz not null default clock_timestamp(),
  primary key (name, version)
);
grant select, insert, update, delete on tidemark.job_kind_versions to tidemark_batch;
alter table tidemark.job_requests
  -- The version of the kind that checked or planned the job; null: of a kind that no instance had registered.
  add column kind_version integer,
  -- Measured ms of an item; null until the first ones are done.
  add column item_ms double precision;
grant update (cursor, page_lease, kind_version, item_ms) on tidemark.job_requests to tidemark_batch;

create or replace function tidemark.keep_job_request() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into tidemark.job_requests (job_id, claims, spec, kind_version)
    values (new.id, coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb, coalesce(new.spec, '{}'),
      (select version from tidemark.job_kinds where name = new.kind));
  update tidemark.jobs set spec = null where id = new.id;
  return null;
end $$;

-- One for each (kind, target, tenant): how many chunks may call the target at a time. A missing row is as a new one.
create table tidemark.job_targets (
  kind text not null,
  target text not null check (length(target) <= 255),
  tenant text not null,
  -- Below 1 the circuit is open: after blocked_until one chunk may probe.
  allowed double precision not null default 2,
  blocked_until timestamptz,
  -- Refusals since the circuit opened.
  failures integer not null default 0,
  cut_at timestamptz,
  changed_at timestamptz not null default clock_timestamp(),
  primary key (kind, target, tenant)
);
comment on table tidemark.job_targets is 'limits of what jobs ask of other services, by kind, target and tenant; they adapt to 429 and 503';
create index job_targets_changed on tidemark.job_targets (changed_at);
grant select, insert, update, delete on tidemark.job_targets to tidemark_batch;
grant select on tidemark.job_targets to ops;

alter table tidemark.job_chunks
  -- The service that the items call, as their kind names it.
  add column target text,
  add column started_at timestamptz;

drop index tidemark.job_chunks_queued;
create index job_chunks_queued on tidemark.job_chunks (job_id, chunk) where state = 'queued';
create index job_chunks_targets on tidemark.job_chunks (target) where state = 'running' and target is not null;
create index jobs_running on tidemark.jobs (id) where state in ('planning', 'running');
create index jobs_queued on tidemark.jobs (
  tenant, (case priority when 'high' then 0 when 'normal' then 1 else 2 end), created_at) where state = 'queued';

-- Takes a chunk for a worker: of the first priority that has one, the tenant and then the job that used the worker's threads
-- least. `kinds` are {name, oldest, version}, `used` the ms by tenant ("t:<tenant>") and job. Items that take over 2 seconds leave
-- one thread to others: `long` of them run on the instance, `most_long` may. Items not measured yet count as long where their tenant
-- has some of them there already (`unmeasured`, by tenant).
create function tidemark.claim_chunk(
  kinds jsonb, worker text, lease_ms float8, priorities text[], used jsonb, long int, most_long int, unmeasured jsonb
) returns table (
  job uuid, chunk int, attempt int, items jsonb, losses int, target text, kind text, spec jsonb, claims jsonb, role text, tenant text,
  item_ms float8, may_role boolean
) language plpgsql set search_path = '' as $$
#variable_conflict use_column
declare
  pick record;
  taken record;
  full_targets text[] := '{}';
begin
  for pick in
    select j.id, j.kind, j.role, j.tenant, r.item_ms
    from tidemark.jobs j
    join tidemark.job_requests r on r.job_id = j.id
    join jsonb_to_recordset(claim_chunk.kinds) as k (name text, oldest int, version int)
      on k.name = j.kind and coalesce(r.kind_version, k.version) between k.oldest and k.version
    where j.state = 'running'
      and exists (select from tidemark.job_chunks q where q.job_id = j.id and q.state = 'queued')
      and (r.item_ms <= 2000
        or (r.item_ms is null and coalesce((unmeasured ->> j.tenant)::int, 0) = 0)
        or long + coalesce((unmeasured ->> j.tenant)::int, 0) < most_long)
    order by array_position(priorities, j.priority), coalesce((used ->> ('t:' || j.tenant))::float8, 0),
      coalesce((used ->> j.id::text)::float8, 0), j.started_at
  loop
    loop
      select c.chunk, c.target into taken from tidemark.job_chunks c
        where c.job_id = pick.id and c.state = 'queued'
          and (c.target is null or (c.target || ' ' || pick.kind || ' ' || pick.tenant) <> all (full_targets))
        order by c.chunk limit 1 for update skip locked;
      exit when not found;
      -- The lock on the target's row makes each count include the claims before it.
      exit when taken.target is null or tidemark.may_call_target(pick.kind, taken.target, pick.tenant);
      full_targets := full_targets || (taken.target || ' ' || pick.kind || ' ' || pick.tenant);
    end loop;
    continue when taken.chunk is null;
    return query
      update tidemark.job_chunks c
      set state = 'running', worker = claim_chunk.worker, started_at = clock_timestamp(),
        lease_until = clock_timestamp() + lease_ms * interval '1 ms'
      from tidemark.job_requests r
      where c.job_id = pick.id and c.chunk = taken.chunk and c.state = 'queued' and r.job_id = pick.id
      returning c.job_id, c.chunk, c.attempt, c.items, c.losses, c.target, pick.kind, r.spec, r.claims, pick.role, pick.tenant,
        pick.item_ms, coalesce(pg_has_role(to_regrole(quote_ident(pick.role))::oid, 'member'), false);
    return;
  end loop;
end $$;

-- Locks the target's row. Runs in the transaction that takes the chunk.
create function tidemark.may_call_target(kind text, target text, tenant text) returns boolean
language plpgsql set search_path = '' as $$
#variable_conflict use_variable
declare
  t tidemark.job_targets;
begin
  insert into tidemark.job_targets values (kind, target, tenant) on conflict do nothing;
  select * into t from tidemark.job_targets j where j.kind = kind and j.target = target and j.tenant = tenant for update;
  if t.blocked_until > clock_timestamp() then
    return false;
  end if;
  return (
    select count(*) from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
    where c.state = 'running' and c.target = target and j.kind = kind and j.tenant = tenant
  ) < greatest(1, floor(t.allowed));
end $$;
revoke execute on function tidemark.may_call_target(text, text, text),
  tidemark.claim_chunk(jsonb, text, float8, text[], jsonb, int, int, jsonb) from public;
grant execute on function tidemark.may_call_target(text, text, text),
  tidemark.claim_chunk(jsonb, text, float8, text[], jsonb, int, int, jsonb) to tidemark_batch;
