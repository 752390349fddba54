import type { PoolStats } from '@tidemark/contracts';
import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, displayName, type SystemState, seconds } from '../system-state.ts';

/** Below it the share of responses with status 5xx is not meaningful. */
const MIN_ERRORS_PER_SECOND = 1;
/** Share of the waiting limit above which a burst would be refused. */
const MAX_WAITING_SHARE = 0.5;
const SATURATED = 0.95;
const POOL_WAIT_HOLD_MS = 10_000;
/** 64 MiB of WAL are several seconds of changes at common write rates. */
const MAX_RELAY_LAG_BYTES = 64 * 1024 ** 2;

export function* trafficRules(state: SystemState): Generator<Finding> {
  yield* errorRules(state);
  yield* failingRules(state);
  yield* poolRules(state);
  yield* relayRules(state);
  for (const { key, telemetry, rates } of state.live) {
    if ((rates?.chunksFailed ?? 0) > 0) {
      yield {
        rule: 'jobs.chunks_fail',
        key: `chunks ${key}`,
        subject: key,
        severity: 'degraded',
        message: `chunks of jobs fail on ${displayName(telemetry)}: ${rates?.chunksFailed?.toFixed(1)} a second`,
        hint: 'GET /api/v1/jobs/<id> lists the failed items with their errors.',
        holdMs: HOLD_MS,
      };
    }
  }
}

function* errorRules({ live, thresholds }: SystemState): Generator<Finding> {
  for (const { key, telemetry, rates } of live) {
    const { requests = 0, errors = 0 } = rates ?? {};
    if (errors < MIN_ERRORS_PER_SECOND || errors < requests * thresholds.errorShare) continue;
    const worst = telemetry.http?.routes.reduce((a, b) => (b.errorsTotal > a.errorsTotal ? b : a));
    yield {
      rule: 'requests.errors',
      key: `errors ${key}`,
      subject: key,
      measured: errors / requests,
      limit: thresholds.errorShare,
      unit: 'ratio',
      affects: [key],
      severity: 'degraded',
      message: `${displayName(telemetry)} answers ${Math.round((100 * errors) / requests)} % of its requests with 5xx (${errors.toFixed(1)} of ${requests.toFixed(1)} a second); the route with the most errors since its start is ${worst?.route ?? 'unknown routes'}`,
      hint: 'Its log has each error with its code and request id.',
      holdMs: HOLD_MS,
    };
  }
}

/** A share over minutes finds what is too rare for the share of one second. It ends 30 s after the last error. */
const FAILING_S = 300;
const STILL_S = 30;
const MIN_FAILED = 20;

function* failingRules({ live, history, thresholds }: SystemState): Generator<Finding> {
  for (const { key, telemetry } of history === undefined ? [] : live) {
    const total = (figure: string, seconds: number) =>
      Object.values((history as NonNullable<typeof history>).read([`${figure}@${key}`], seconds).series)
        .flat()
        .reduce<number>((sum, perSecond) => sum + (perSecond ?? 0), 0);
    const errors = total('http.errors', FAILING_S);
    if (errors < MIN_FAILED || total('http.errors', STILL_S) === 0) continue;
    const share = errors / total('http.requests', FAILING_S);
    if (!(share > thresholds.lateErrorShare)) continue;
    yield {
      rule: 'requests.failing',
      key: `failing ${key}`,
      subject: key,
      measured: share,
      limit: thresholds.lateErrorShare,
      unit: 'ratio',
      affects: [key],
      severity: 'degraded',
      message: `${displayName(telemetry)} has answered ${Math.round(errors)} requests of the last 5 minutes with 5xx, ${(100 * share).toFixed(2)} %`,
      hint: 'Its log has each error with its code and request id.',
    };
  }
}

function* poolRules({ live, thresholds }: SystemState): Generator<Finding> {
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
      // p99 is that of the last minute: only while requests wait does it concern now.
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
      if ((rates?.leaks?.[pool.name] ?? 0) > 0) {
        yield {
          rule: 'pool.leaks',
          key: `${what} leaks`,
          subject: what,
          affects: [key],
          severity: 'degraded',
          message: `${what} has connections that are held for too long: ${pool.leaksTotal} since its start${holderOf(pool)}`,
          hint: 'GET /api/v1/performance/database/connection-leaks has the stack that took each of them, and its statement.',
        };
      }
    }
  }
}

function holderOf({ longest }: PoolStats): string {
  if (longest === undefined) return '';
  return `; held for longest, ${seconds(longest.heldMs)}: ${longest.route ?? 'a caller without a route'} (pid ${longest.pid})`;
}

function* relayRules({ live }: SystemState): Generator<Finding> {
  const relays = live.flatMap(({ telemetry }) =>
    telemetry.relay ? [{ key: displayName(telemetry), relay: telemetry.relay }] : [],
  );
  const active = relays.filter(({ relay }) => relay.role === 'active');
  if (relays.length > 0 && active.length === 0) {
    const why = relays.map(
      ({ key, relay }) => `${key} is ${relay.role}${relay.lastError ? ` (${relay.lastError})` : ''}`,
    );
    yield {
      rule: 'relay.none',
      key: 'relay none',
      subject: 'relay',
      severity: 'degraded',
      message: `no relay is active, so no live changes are delivered: ${why.join(', ')}`,
      hint: 'A standby takes over as soon as the replication slot is free. The log of realtime says what it waits for.',
      holdMs: HOLD_MS,
    };
  }
  for (const { key, relay } of active) {
    if ((relay.lagBytes ?? 0) > MAX_RELAY_LAG_BYTES) {
      yield {
        rule: 'relay.lag',
        key: `relay lag ${key}`,
        subject: key,
        measured: relay.lagBytes ?? 0,
        limit: MAX_RELAY_LAG_BYTES,
        unit: 'bytes',
        severity: 'degraded',
        message: `the relay on ${key} is ${bytes(relay.lagBytes ?? 0)} of WAL behind the primary${relay.lastError ? `: ${relay.lastError}` : ''}`,
        hint: 'NATS acknowledges too slowly, or the relay is publishing a large transaction; check the NATS streams.',
        holdMs: HOLD_MS,
      };
    }
  }
}
