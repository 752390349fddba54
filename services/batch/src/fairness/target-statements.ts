import { MAX_RETRY_AFTER_MS } from '../items/retry-after.ts';

/**
 * The limit of a target (tidemark.job_targets) after a chunk that called it. It grows by one for each round of answers. The first
 * refusal of a round halves it: those of chunks that had started before count no more. Below 1 the circuit is open: nothing starts
 * until blocked_until, and then one chunk, as a probe.
 */
/** Chunks at a time. */
const MAX_ALLOWED = 64;
/** ms after the first refusal; doubled with each refused probe. */
const PROBE_MS = 1_000;

export const targetStatements = {
  /** $1: kind, $2: target, $3: tenant, $4: job, $5: chunk. */
  answered: `
    update tidemark.job_targets t set changed_at = clock_timestamp(), failures = 0,
      allowed = case when t.allowed < 1 then 1 else least(
        coalesce(tidemark.most_target_calls(t.kind), ${MAX_ALLOWED}), t.allowed + 1 / t.allowed) end
    from tidemark.job_chunks c
    where t.kind = $1::text and t.target = $2::text and t.tenant = $3::text and c.job_id = $4::uuid and c.chunk = $5::int
      and (t.cut_at is null or c.started_at > t.cut_at)`,

  /** $1 to $5 as above, $6: ms that the target asked for, or null. Returns the ms until it may be called again. */
  refused: `
    with before as (
      select t.*, t.cut_at is null or c.started_at > t.cut_at as is_first from tidemark.job_targets t, tidemark.job_chunks c
      where t.kind = $1::text and t.target = $2::text and t.tenant = $3::text and c.job_id = $4::uuid and c.chunk = $5::int
      for no key update of t
    ), next as (
      select b.*,
        case when not is_first then allowed when allowed / 2 < 1 then 0 else allowed / 2 end as fewer,
        case when is_first and allowed / 2 < 1 then failures + 1 else failures end as more
      from before b
    )
    update tidemark.job_targets t set changed_at = clock_timestamp(), allowed = n.fewer, failures = n.more,
      cut_at = case when n.is_first then clock_timestamp() else t.cut_at end,
      blocked_until = greatest(t.blocked_until, clock_timestamp() + interval '1 ms' * least(${MAX_RETRY_AFTER_MS},
        coalesce($6::float8, ${PROBE_MS} * 2 ^ least(n.more, 20))))
    from next n
    where t.kind = n.kind and t.target = n.target and t.tenant = n.tenant
    returning extract(epoch from t.blocked_until - clock_timestamp())::float8 * 1000 as ms`,

  /** A target that nothing called for a while starts afresh. $1: ms, $2: limit. */
  forget: `
    delete from tidemark.job_targets where (kind, target, tenant) in (
      select kind, target, tenant from tidemark.job_targets
      where changed_at < clock_timestamp() - $1::float8 * interval '1 ms'
        and (blocked_until is null or blocked_until < clock_timestamp())
      order by changed_at limit $2::int for update skip locked)`,
} as const;
