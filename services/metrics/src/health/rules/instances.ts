/** Is every service there, ready, and able to breathe? */
import { type Finding, HOLD_MS } from '../finding.ts';
import { named, type SystemState, seconds } from '../system.ts';

/** p99 of a second; beyond it every request of the instance waits for one that computes. */
const LOOP_DELAY_MS = 250;
/** A service that has just been started needs a moment for its first telemetry. */
const ABSENT_HOLD_MS = 3_000;

const ABSENT: Record<string, { severity: Finding['severity']; effect: string }> = {
  gateway: { severity: 'down', effect: 'nobody answers HTTP requests' },
  realtime: { severity: 'degraded', effect: 'live subscriptions and the caches stand still' },
  batch: { severity: 'degraded', effect: 'jobs wait' },
};

export function* instanceRules({ now, live, lost, limits }: SystemState): Generator<Finding> {
  for (const service of limits.expected) {
    if (live.some(({ telemetry }) => telemetry.service === service)) continue;
    const { severity, effect } = ABSENT[service] ?? { severity: 'degraded', effect: 'it does no work' };
    yield {
      key: `absent ${service}`,
      severity,
      message: `no ${service} reports itself: ${effect}`,
      hint: `Start one (npm start), see its log, or take ${service} out of METRICS_EXPECT if you do not run it. It must use the same NATS_URL and NATS_PREFIX as this service.`,
      holdMs: ABSENT_HOLD_MS,
    };
  }
  for (const { key, telemetry, receivedAt } of lost) {
    yield {
      key: `lost ${key}`,
      severity: 'degraded',
      message: `${named(telemetry)} (${telemetry.url}, pid ${telemetry.pid}) has been silent for ${seconds(now - receivedAt)}`,
      hint: 'It was stopped, has crashed, hangs, or has lost its connection to NATS: see its log.',
    };
  }
  for (const { key, telemetry } of live) {
    if (!telemetry.ready) {
      yield {
        key: `ready ${key}`,
        severity: 'degraded',
        message: `${named(telemetry)} is not ready: ${telemetry.problems.join('; ') || 'it gives no reason'}`,
        hint: `It takes no work until this is over; ${telemetry.url}/readyz and its log say more.`,
      };
    }
    const delay = telemetry.process.eventLoopDelayP99Ms;
    if (delay > LOOP_DELAY_MS) {
      yield {
        key: `loop ${key}`,
        severity: 'degraded',
        message: `the event loop of ${named(telemetry)} is blocked: p99 ${Math.round(delay)} ms, CPU ${Math.round(telemetry.process.cpuPercent)} %`,
        hint: 'Start another instance (npm start -- --scale), or look for a large synchronous piece of work.',
        holdMs: HOLD_MS,
      };
    }
  }
}
