import { ASYNCHRONOUS_COMMIT } from '../asynchronous-commit.ts';

/** Number of jobs of a tenant among which one is chosen. Other instances may be claiming some of them. */
const CANDIDATES = 3;

/** The role exists, and this login may take it. */
const MAY_ROLE = `coalesce(pg_has_role(to_regrole(quote_ident(j.role))::oid, 'member'), false)`;

/** A LockedJob. */
const LOCKED = 'id as job, state, priority, kind, role, planned_all as "plannedAll"';

export const jobStatements = {
  keepTenantClaim: 'update tidemark.job_settings set tenant_claim = $1::text where tenant_claim <> $1::text',

  /**
   * queued → planning, of the tenant with the fewest places. A tenant takes a place while it has fewer than are free, so that
   * there is one for the next tenant. Jobs that wait for something else hold none. $1: places, $2: JSON array of the kinds that
   * run here ({name, oldest, version}). A kind that no instance ever registered is claimed too, for the planner to refuse.
   */
  claim: `
    with recursive tenants (tenant) as (
      (select tenant from tidemark.jobs where state = 'queued' order by tenant limit 1)
      union all
      select (select j.tenant from tidemark.jobs j where j.state = 'queued' and j.tenant > t.tenant order by j.tenant limit 1)
      from tenants t where t.tenant is not null
    ), held as (
      select tenant, count(*) as started, count(*) filter (where waits_for is null) as places
      from tidemark.jobs where state in ('planning', 'running') group by tenant
    ), mine as (
      select * from jsonb_to_recordset($2::jsonb) as k (name text, oldest int, version int)
    ), waiting as (
      select f.*, coalesce(h.places, 0) as places
      from tenants t left join held h on h.tenant = t.tenant, lateral (
        select j.id, j.priority, j.created_at from tidemark.jobs j join tidemark.job_requests r on r.job_id = j.id
        where j.state = 'queued' and j.tenant = t.tenant and (j.run_at is null or j.run_at <= clock_timestamp())
          and (j.deadline is null or j.deadline > clock_timestamp())
          and (exists (select from mine m where m.name = j.kind and coalesce(r.kind_version, m.version) between m.oldest and m.version)
            or j.kind not in (select name from tidemark.job_kinds))
        order by case j.priority when 'high' then 0 when 'normal' then 1 else 2 end, j.created_at
        limit ${CANDIDATES}
      ) as f
      where coalesce(h.places, 0) < $1::int - (select coalesce(sum(places), 0) from held) and coalesce(h.started, 0) < $1::int
    ), picked as (
      select j.id from waiting w join tidemark.jobs j on j.id = w.id
      where j.state = 'queued'
      order by array_position(array['high', 'normal', 'low'], w.priority), w.places, w.created_at
      limit 1 for update of j skip locked
    ), request as (
      update tidemark.job_requests r set kind_version = coalesce(m.version, r.kind_version)
      from picked p join tidemark.jobs j on j.id = p.id left join mine m on m.name = j.kind
      where r.job_id = p.id
      returning r.job_id, r.spec, r.claims, r.cursor, r.item_ms, r.trace
    )
    update tidemark.jobs j set state = 'planning', started_at = clock_timestamp(), waits_for = null
    from request r where j.id = r.job_id
    returning j.id, j.kind, j.role, j.total, j.at_least, j.tidemark, r.spec, r.claims::text as claims, r.cursor, r.item_ms, r.trace, not ${MAY_ROLE} as "isRefused",
      ${ASYNCHRONOUS_COMMIT}`,

  /**
   * Takes the reading of the next page of a running job's source. $1: job, or null for any, $2: as for claim, $3: planned
   * chunks from which on no page is needed, $4: ms that the page may take.
   */
  claimPage: `
    update tidemark.job_requests r set page_lease = clock_timestamp() + $4::float8 * interval '1 ms'
    from tidemark.jobs j
    where j.id = r.job_id and r.job_id = (
      select u.id from tidemark.jobs u join tidemark.job_requests q on q.job_id = u.id
      where u.state = 'running' and not u.planned_all and ($1::uuid is null or u.id = $1::uuid)
        and exists (
          select from jsonb_to_recordset($2::jsonb) as k (name text, oldest int, version int)
          where k.name = u.kind and coalesce(q.kind_version, k.version) between k.oldest and k.version)
        and (q.page_lease is null or q.page_lease < clock_timestamp())
        and (select count(*) from tidemark.job_chunks c
          where c.job_id = u.id and c.state = 'planned' and c.not_before is null) < $3::int
      limit 1 for update of q skip locked)
    returning j.id, j.kind, j.role, j.total, j.at_least, j.tidemark, r.spec, r.claims::text as claims, r.cursor, r.item_ms, r.trace, not ${MAY_ROLE} as "isRefused",
      ${ASYNCHRONOUS_COMMIT}`,

  /** A page of the jobs that may wait for something. $1: state, $2: the last job of the page before, or null, $3: limit. */
  waiting: `
    select id from tidemark.jobs where state = $1::text and ($2::uuid is null or id > $2::uuid) order by id limit $3::int`,

  /**
   * Says what a job waits for: an instance that runs its kind and version, or a target that its chunks call. Such a job holds
   * no place. $1: ms without a heartbeat of the kind, $2: JSON array of jobs.
   */
  sayWaits: `
    update tidemark.jobs j set waits_for = w.waits
    from (
      select u.id, u.waits_for as before, u.kind,
        case
          when exists (select from tidemark.job_kinds where name = u.kind) and not exists (
            select from tidemark.job_kind_versions v
            where v.name = u.kind and coalesce(r.kind_version, v.version) between v.oldest and v.version
              and v.seen_at >= clock_timestamp() - $1::float8 * interval '1 ms')
          then 'an instance that runs the kind ' || u.kind || coalesce(' in version ' || r.kind_version, '')
          when u.state = 'running' then (
            select 'the limit of ' || t.target || ', until ' || to_char(t.blocked_until at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from tidemark.job_targets t
            where t.kind = u.kind and t.tenant = u.tenant and t.blocked_until > clock_timestamp()
              and exists (select from tidemark.job_chunks c
                where c.job_id = u.id and c.state in ('planned', 'queued') and c.target = t.target)
              and not exists (select from tidemark.job_chunks c where c.job_id = u.id and c.state = 'running')
            order by t.blocked_until limit 1)
        end as waits
      from tidemark.jobs u join tidemark.job_requests r on r.job_id = u.id
      where u.id in (select value::uuid from jsonb_array_elements_text($2::jsonb)) and u.state in ('queued', 'running')
    ) as w
    where j.id in (
      select i.id from tidemark.jobs i where i.id = w.id and i.state in ('queued', 'running') for update skip locked)
      and w.waits is distinct from w.before
    returning j.id, j.kind, j.waits_for as waits`,

  /** planning → queued, when the planner has ended. $1: ms, $2: limit. */
  replan: `
    update tidemark.jobs set state = 'queued', started_at = null
    where state = 'planning' and id in (
      select id from tidemark.jobs
      where state = 'planning' and (started_at is null or started_at < clock_timestamp() - $1::float8 * interval '1 ms')
      order by id limit $2::int for update skip locked)
    returning id`,

  /** Returns the number of open items in running jobs of the identity, and the limit; no row without a limit. $1: job. */
  itemsQuota: `
    select l.unfinished_items as most,
      (select coalesce(sum(greatest(0, o.total - o.done - o.failed)), 0)::float8 from tidemark.jobs o
       where o.state in ('queued', 'planning', 'running', 'paused')
         and coalesce(o.owner, '') = coalesce(j.owner, '') and o.role = j.role) as unfinished
    from tidemark.jobs j, lateral (
      select unfinished_items from tidemark.job_limits where role in (j.role, '*') order by role = '*' limit 1) as l
    where j.id = $1::uuid`,

  /**
   * Keeps where the source goes on, unless another has read this page. $1: job, $2: next cursor, $3: cursor of this page, $4: the
   * trace of the first page, or null.
   */
  keepCursor: `
    update tidemark.job_requests set cursor = $2::text, page_lease = null, trace = coalesce($4::text, trace)
    where job_id = $1::uuid and cursor is not distinct from $3::text returning job_id`,

  /**
   * planning → running with the first page, or one page more. $1: job, $2: items, $3: whether the page is the last, $4: the
   * tidemark that it was read at.
   */
  planned: `
    update tidemark.jobs set total = total + $2::int, planned_all = $3::boolean, tidemark = coalesce(tidemark, $4::text),
      state = case state when 'planning' then 'running' else state end
    where id = $1::uuid and (state = 'planning' or (state in ('running', 'paused') and not planned_all))
    returning ${LOCKED}`,

  /**
   * Ends a job that cannot go on: failed, or partly_failed where some items are done. $1: JSON array of jobs, $2: error,
   * $3: states that it may have.
   */
  refuse: `
    update tidemark.jobs j set done = s.done, failed = s.failed, error = $2::jsonb, finished_at = clock_timestamp(),
      state = case when s.done > 0 then 'partly_failed' else 'failed' end
    from (
      select e.value::uuid as id, coalesce(sum(c.done), 0)::int as done, coalesce(sum(c.failed), 0)::int as failed
      from jsonb_array_elements_text($1::jsonb) as e left join tidemark.job_chunks c on c.job_id = e.value::uuid
      group by e.value
    ) as s
    where j.id = s.id and j.state in (select jsonb_array_elements_text($3::jsonb)) returning j.id, j.state, j.done, j.failed`,

  overdue: `
    select id from tidemark.jobs
    where state in ('queued', 'planning', 'running', 'paused') and deadline < clock_timestamp()
    order by deadline limit $1::int`,

  /** Serialises decisions about a job. No key is updated, so that the foreign keys of its chunks do not wait. */
  lockRunning: `
    select ${LOCKED} from tidemark.jobs
    where id = $1::uuid and state in ('running', 'paused') for no key update`,

  /** Reads the spec and the claims for `finish` of the kind. $1: job. */
  request: 'select spec, claims::text as claims from tidemark.job_requests where job_id = $1::uuid',

  /** Returns the trace that the chunks continue. $1: job. */
  trace: 'select trace from tidemark.job_requests where job_id = $1::uuid',

  /** Returns the sums of a job's chunks when none is open. $1: job. */
  sums: `
    select coalesce(sum(done), 0)::int as done, coalesce(sum(failed), 0)::int as failed
    from tidemark.job_chunks where job_id = $1::uuid`,

  /** running → its end. $1: job, $2: state, $3: done, $4: failed, $5: error. */
  finish: `
    update tidemark.jobs
    set state = $2::text, done = $3::int, failed = $4::int, error = $5::jsonb, finished_at = clock_timestamp()
    where id = $1::uuid and state in ('running', 'paused') returning id`,

  /** Counts only grow: an update that waited for another instance's compares with its row. $1: JSON array of jobs. */
  progress: `
    update tidemark.jobs j set done = s.done, failed = s.failed
    from (
      select job_id, sum(done)::int as done, sum(failed)::int as failed from tidemark.job_chunks
      where job_id in (select value::uuid from jsonb_array_elements_text($1::jsonb)) group by job_id) as s
    where j.id = s.job_id and j.state in ('running', 'paused') and s.done + s.failed > j.done + j.failed
    returning ${ASYNCHRONOUS_COMMIT}`,

  /** Such jobs need a decision: they have no queued chunks, or due retries. $1: limit, $2: the last job of the page before, or null. */
  toAdvance: `
    select id from tidemark.jobs j
    where state = 'running' and ($2::uuid is null or id > $2::uuid) and (
      (not exists (select from tidemark.job_chunks c where c.job_id = j.id and c.state in ('queued', 'running'))
        and not exists (
          select from tidemark.job_chunks c where c.job_id = j.id and c.state = 'planned' and c.not_before > clock_timestamp()))
      or id in (select job_id from tidemark.job_chunks where state = 'planned' and not_before <= clock_timestamp()))
    order by id limit $1::int`,
} as const;
