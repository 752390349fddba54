-- A kind may limit the chunks that call one of its targets at a time, over all tenants and instances: `targetCalls` in its limits.

create function tidemark.most_target_calls(kind text) returns integer language sql stable set search_path = '' as $$
  select (limits ->> 'targetCalls')::int from tidemark.job_kinds where name = kind
$$;

-- Chunks that call the target now, of all tenants.
create function tidemark.calls_of_target(kind text, target text) returns bigint language sql volatile set search_path = '' as $$
  select count(*) from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
  where c.state = 'running' and c.target = calls_of_target.target and j.kind = calls_of_target.kind
$$;

-- Locks the target's row. Runs in the transaction that takes the chunk. A target with a limit begins at it.
create or replace function tidemark.may_call_target(kind text, target text, tenant text) returns boolean
language plpgsql set search_path = '' as $$
#variable_conflict use_variable
declare
  t tidemark.job_targets;
  most integer := tidemark.most_target_calls(kind);
begin
  if most is not null then
    -- A claim that finds the target full goes on to others, and should not hold this lock meanwhile.
    if tidemark.calls_of_target(kind, target) >= most then
      return false;
    end if;
    -- Tenants have rows of their own, so that only this lock makes each count include the claims before it.
    perform pg_advisory_xact_lock(hashtextextended('tidemark target ' || kind || ' ' || target, 0));
    if tidemark.calls_of_target(kind, target) >= most then
      return false;
    end if;
  end if;
  insert into tidemark.job_targets (kind, target, tenant, allowed) values (kind, target, tenant, coalesce(most, 2))
    on conflict do nothing;
  select * into t from tidemark.job_targets j where j.kind = kind and j.target = target and j.tenant = tenant for update;
  if t.blocked_until > clock_timestamp() then
    return false;
  end if;
  return (
    select count(*) from tidemark.job_chunks c join tidemark.jobs j on j.id = c.job_id
    where c.state = 'running' and c.target = target and j.kind = kind and j.tenant = tenant
  ) < greatest(1, floor(t.allowed));
end $$;
revoke execute on function tidemark.most_target_calls(text), tidemark.calls_of_target(text, text) from public;
grant execute on function tidemark.most_target_calls(text), tidemark.calls_of_target(text, text) to tidemark_batch;
