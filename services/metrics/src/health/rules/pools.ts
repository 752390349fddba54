import type { PoolStats } from '@tidemark/contracts';
import { type Finding, HOLD_MS } from '../finding.ts';
import { displayName, type SystemState, seconds } from '../system-state.ts';

/** Share of the waiting limit above which a burst would be refused. */
const MAX_WAITING_SHARE = 0.5;
const SATURATED = 0.95;
const POOL_WAIT_HOLD_MS = 10_000;

export function* poolRules({ live, thresholds }: SystemState): Generator<Finding> {
  for (const { key, telemetry, rates } of live) {
    const owner = displayName(telemetry);
    for (const pool of telemetry.pools ?? []) {
      const what = `pool ${pool.name} of ${owner}`;
      const figures = `${pool.slots.busy} of ${pool.max} busy, ${pool.waiting} waiting (limit ${pool.waitingLimit}), p99 wait ${Math.round(pool.waitP99Ms)} ms`;
      const refused = (rates?.refused?.[pool.name] ?? 0) + (rates?.timeouts?.[pool.name] ?? 0);
      if (refused > 0) {
        yield {
          rule: 'pool.refuses',
          key: `${what} refuses`,
          subject: what,
          measured: refused,
          limit: 0,
          unit: 'per second',
          affects: [key],
          severity: 'degraded',
          message: `${what} refuses ${refused.toFixed(1)} requests a second: ${figures}${holderOf(pool)}`,
          hint: 'GET /api/v1/performance/database/pools lists who holds its connections. Raise its size only if they are held for a short time each.',
        };
      } else if (
        pool.waiting > pool.waitingLimit * MAX_WAITING_SHARE ||
        (pool.utilisation >= SATURATED && pool.waiting > 0)
      ) {
        yield {
          rule: 'pool.exhausted',
          key: `${what} exhausted`,
          subject: what,
          measured: pool.waiting,
          limit: pool.waitingLimit,
          unit: 'count',
          affects: [key],
          severity: 'degraded',
          message: `${what} is exhausted: ${figures}${holderOf(pool)}`,
          hint: 'GET /api/v1/performance/database/pools lists who holds its connections.',
          holdMs: HOLD_MS,
        };
      }
      // p99 covers the last minute, so it describes the present only while requests wait.
      if (pool.waitP99Ms > thresholds.poolWaitMs && pool.waiting > 0) {
        yield {
          rule: 'pool.slow',
          key: `${what} slow`,
          subject: what,
          measured: pool.waitP99Ms,
          limit: thresholds.poolWaitMs,
          unit: 'ms',
          affects: [key],
          severity: 'degraded',
          message: `requests wait long for a connection of ${what}: ${figures}${holderOf(pool)}`,
          hint: 'GET /api/v1/performance/database/pools lists who holds its connections.',
          holdMs: POOL_WAIT_HOLD_MS,
        };
      }
      yield* leaks(pool, what, key);
      yield* longStatements(pool, what, key, telemetry.at);
    }
  }
}

function* leaks(pool: PoolStats, what: string, key: string): Generator<Finding> {
  const { leak, leaksTotal } = pool;
  if (leak === undefined) return;
  const place = leak.place === null ? '' : ` at ${leak.place}`;
  const others = leak.count === 1 ? '' : `, and ${leak.count - 1} more`;
  yield {
    rule: 'pool.leaks',
    key: `${what} leaks`,
    subject: what,
    measured: leak.heldMs,
    unit: 'ms',
    affects: [key],
    severity: 'degraded',
    message: `${what} has a connection that ${leak.route ?? 'a caller without a route'} took${place} ${seconds(leak.heldMs)} ago and does not give back (pid ${leak.pid}${others}); ${leaksTotal} since its start`,
    hint: 'GET /api/v1/performance/database/connection-leaks has the stack that took each of them, and its statement.',
    remedies: [
      {
        sql: `select pg_terminate_backend(pid) from pg_stat_activity where pid = ${leak.pid} and ${heldSince(leak.since)}`,
        effect: 'The pool opens another connection in its place.',
        risk: 'The work of its transaction is rolled back. The route leaks the next one until it is mended.',
      },
    ],
  };
}

function* longStatements({ long, longest }: PoolStats, what: string, key: string, at: number): Generator<Finding> {
  if (long === undefined || long.waiting === 0 || long.inUse < long.limit) return;
  const { route = null, statement = null, same = 1, pid = 0, heldMs = 0 } = longest ?? {};
  const culprit = statement ?? route ?? 'a statement without a text';
  yield {
    rule: 'pool.long_statements',
    key: `${what} long statements`,
    subject: what,
    measured: long.waiting,
    limit: 0,
    unit: 'count',
    affects: [key],
    severity: 'degraded',
    message: `${culprit}${route === null ? '' : ` (${route})`} holds ${same} connections of ${what}, the longest for ${seconds(heldMs)}; ${long.waiting} long statements wait, and short ones go on with the rest`,
    hint: 'POST /api/v1/performance/queries/analyze explains it. Make it faster, or call it less often at a time.',
    holdMs: HOLD_MS,
    remedies:
      longest === undefined
        ? []
        : [
            {
              sql: `select pg_cancel_backend(pid) from pg_stat_activity where state = 'active' and application_name ~ '^tidemark[ /]' and query = (select query from pg_stat_activity where pid = ${pid} and query_start < ${timestamp(at - heldMs + 1_000)} and ${heldSince(at - heldMs)})`,
              effect: `The calls of this statement that run now, ${same} of this pool, end with an error.`,
              risk: 'Their callers get the error, and calls that wait begin.',
            },
          ],
  };
}

/** The process is the one that had the connection then, and no later one with the same pid. */
const heldSince = (at: number) => `application_name ~ '^tidemark[ /]' and backend_start < ${timestamp(at)}`;
/** In whole seconds, so that the text does not change with each telemetry. */
const timestamp = (ms: number) => `to_timestamp(${Math.ceil(ms / 1_000)})`;

function holderOf({ longest }: PoolStats): string {
  if (longest === undefined) return '';
  return `; held for longest, ${seconds(longest.heldMs)}: ${longest.route ?? 'a caller without a route'} (pid ${longest.pid})`;
}
