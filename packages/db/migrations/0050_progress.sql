-- How far something is that is not a job: a load, a story of a blueprint, a migration of one's own. Consoles show the rows as they are.
create table tidemark.progress (
  id uuid primary key default gen_random_uuid(),
  title text not null check (length(title) between 1 and 200),
  step text not null default '' check (length(step) <= 200),
  done bigint not null default 0 check (done >= 0),
  total bigint not null default 0 check (total >= 0),
  state text not null default 'running' check (state in ('running', 'succeeded', 'failed')),
  details jsonb not null default '{}' check (jsonb_typeof(details) = 'object' and pg_column_size(details) <= 65536),
  owner text default (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'),
  started_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  finished_at timestamptz
);
comment on table tidemark.progress is 'how far something is that is not a job; the newest 1,000 rows are kept';
create index progress_started_at on tidemark.progress (started_at);

create function tidemark.touch_progress() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.updated_at := now();
  -- A row that nobody finished counts as old, too.
  if tg_op = 'INSERT' then
    delete from tidemark.progress where id in (select id from tidemark.progress order by started_at desc offset 999);
  end if;
  return new;
end $$;
revoke execute on function tidemark.touch_progress() from public;
create trigger touch_progress before insert or update on tidemark.progress for each row execute function tidemark.touch_progress();

alter table tidemark.progress enable row level security;
grant select on tidemark.progress to authenticated, service_role, ops;
grant insert (title, step, done, total, state, details), update (step, done, total, state, details, finished_at)
  on tidemark.progress to service_role;
grant delete on tidemark.progress to service_role;
create policy progress_own on tidemark.progress for select to authenticated
  using (owner = (select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'));
create policy progress_operators on tidemark.progress for select to ops using (true);
create policy progress_service on tidemark.progress to service_role using (true);

alter table tidemark.progress replica identity full;
alter publication tidemark add table tidemark.progress;
