import { type Finding, HOLD_MS } from '../finding.ts';
import { displayName, type SystemState } from '../system-state.ts';

/** Below it the share of responses with status 5xx is not meaningful. */
const MIN_ERRORS_PER_SECOND = 1;
export function* trafficRules(state: SystemState): Generator<Finding> {
  yield* errorRules(state);
  yield* failingRules(state);
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
const HOUR_S = 3_600;
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
    // A burst that an hour of good service outweighs spends little of what users accept.
    const hourShare = total('http.errors', HOUR_S) / total('http.requests', HOUR_S);
    if (!(hourShare > thresholds.lateErrorShare)) continue;
    const worst = telemetry.http?.routes.reduce((a, b) => (b.errorsTotal > a.errorsTotal ? b : a));
    yield {
      rule: 'requests.failing',
      key: `failing ${key}`,
      subject: key,
      measured: share,
      limit: thresholds.lateErrorShare,
      unit: 'ratio',
      affects: [key],
      severity: 'degraded',
      message: `${displayName(telemetry)} has answered ${Math.round(errors)} requests of the last 5 minutes with 5xx, ${(100 * share).toFixed(2)} %, and ${(100 * hourShare).toFixed(2)} % of the last hour; the route with the most errors since its start is ${worst?.route ?? 'unknown routes'}`,
      hint: 'Its log has each error with its code and request id.',
    };
  }
}
