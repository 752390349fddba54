/** Users first: routes that are slow, fail or refuse, whatever the reason. The other rules look for the reason. */
import { COMMIT_TO_SCREEN, MIN_REQUESTS, type RouteTraffic } from '../../traffic/traffic-history.ts';
import { type Finding, HOLD_MS } from '../finding.ts';
import { displayName, type SystemState } from '../system-state.ts';

/** A p99 is too high from here on, if it is over three times that of the last hour as well. */
const SLOW_MS = 250;
const SLOWER = 3;
/** Without an hour to compare with, only this is certainly too slow. */
const ALWAYS_SLOW_MS = 2_000;
/** Fewer failures, or a smaller share of the requests, are the ordinary course. */
const MIN_FAILURES = 3;
const MIN_SHARE = 0.01;
/** Each resync makes a client read its snapshot again. */
const MAX_RESYNCS_PER_SECOND = 5;

export function* userRules({ traffic = [], live }: SystemState): Generator<Finding> {
  for (const one of traffic) {
    const name = one.table === null ? one.route : `${one.route} (${one.table})`;
    yield* slow(one, name);
    yield* failing(one, name);
  }
  for (const { key, telemetry, rates } of live) {
    const resyncs = rates?.resyncs ?? 0;
    if (resyncs <= MAX_RESYNCS_PER_SECOND) continue;
    yield {
      rule: 'live.resyncs',
      key: `resyncs ${key}`,
      subject: key,
      severity: 'degraded',
      measured: resyncs,
      limit: MAX_RESYNCS_PER_SECOND,
      unit: 'per second',
      affects: [key],
      message: `${displayName(telemetry)} tells ${resyncs.toFixed(1)} subscriptions a second to resync`,
      hint: 'Their clients read their snapshots again. Slow clients, a changed definition or a new epoch make them: see the events and the log.',
      holdMs: HOLD_MS,
    };
  }
}

function* slow({ route, requests, p99Ms, hourP99Ms, instances }: RouteTraffic, name: string): Generator<Finding> {
  const limit = hourP99Ms === null ? ALWAYS_SLOW_MS : Math.max(SLOW_MS, SLOWER * hourP99Ms);
  if (requests < MIN_REQUESTS || p99Ms <= limit) return;
  const isLive = route === COMMIT_TO_SCREEN;
  const usual = hourP99Ms === null ? '' : `; over the last hour, ${Math.round(hourP99Ms)} ms`;
  yield {
    rule: isLive ? 'live.slow' : 'route.slow',
    key: `slow ${name}`,
    subject: name,
    severity: 'degraded',
    measured: p99Ms,
    limit,
    unit: 'ms',
    affects: instances,
    message: `${name} is slow: p99 ${Math.round(p99Ms)} ms over 10 s${usual}`,
    hint: isLive
      ? 'Changes reach the screens late. Is the relay behind, or a realtime instance busy?'
      : 'GET /api/v1/performance/requests has its slow requests, and where their time went.',
  };
}

function* failing(one: RouteTraffic, name: string): Generator<Finding> {
  const { requests, serverErrors, refused, sqlStates, instances } = one;
  const isOver = (count: number) => count >= MIN_FAILURES && count >= requests * MIN_SHARE;
  const common = {
    subject: name,
    severity: 'degraded' as const,
    limit: MIN_SHARE,
    unit: 'ratio' as const,
    affects: instances,
  };
  const hint = 'GET /api/v1/performance/requests has each with its code, SQLSTATE and request id.';
  const share = (count: number) => `${count} of ${requests} requests in 10 s`;
  if (isOver(serverErrors)) {
    const message = `${name} fails: ${share(serverErrors)} got a status of 5xx`;
    yield { ...common, rule: 'route.fails', key: `fails ${name}`, measured: serverErrors / requests, message, hint };
  }
  if (isOver(refused)) {
    const message = `${name} refuses: ${share(refused)} got 429 or 503`;
    yield { ...common, rule: 'route.refuses', key: `refuses ${name}`, measured: refused / requests, message, hint };
  }
  for (const [state, count] of Object.entries(sqlStates)) {
    // Errors that are also answered with 5xx are one finding.
    if (!isOver(count) || isOver(serverErrors)) continue;
    const message = `${name} meets errors of Postgres: ${share(count)} ended with SQLSTATE ${state}…`;
    yield {
      ...common,
      rule: 'route.sqlstate',
      key: `sqlstate ${state} ${name}`,
      measured: count / requests,
      message,
      hint,
    };
  }
}
