import { type Finding, HOLD_MS } from '../finding.ts';
import { displayName, type SystemState, seconds } from '../system-state.ts';

/** 99th percentile over one second; above it most requests of the instance wait for a synchronous computation. */
const LOOP_DELAY_MS = 250;
/** A service sends its first telemetry a few seconds after its start. */
const ABSENT_HOLD_MS = 3_000;

const ABSENT: Record<string, { severity: Finding['severity']; effect: string }> = {
  gateway: { severity: 'down', effect: 'HTTP requests are not answered' },
  realtime: { severity: 'degraded', effect: 'live subscriptions and cache invalidation have stopped' },
  batch: { severity: 'degraded', effect: 'jobs wait' },
};

export function* instanceRules({ now, live, lost, limits }: SystemState): Generator<Finding> {
  for (const service of limits.expected) {
    if (live.some(({ telemetry }) => telemetry.service === service)) continue;
    const { severity, effect } = ABSENT[service] ?? { severity: 'degraded', effect: 'its work is not done' };
    yield {
      rule: 'service.absent',
      key: `absent ${service}`,
      subject: service,
      severity,
      message: `no ${service} reports itself: ${effect}`,
      hint: `Start one (npm start), read its log, or remove ${service} from METRICS_EXPECT if you do not run it. It must use the same NATS_URL and NATS_PREFIX as this service.`,
      holdMs: ABSENT_HOLD_MS,
    };
  }
  for (const { key, telemetry, receivedAt } of lost) {
    yield {
      rule: 'instance.lost',
      key: `lost ${key}`,
      subject: key,
      measured: now - receivedAt,
      limit: limits.lostAfterMs,
      unit: 'ms',
      severity: 'degraded',
      message: `${displayName(telemetry)} (${telemetry.url}, pid ${telemetry.pid}) has been silent for ${seconds(now - receivedAt)}`,
      hint: 'It has stopped, crashed, hangs, or has lost its connection to NATS: read its log.',
    };
  }
  for (const { key, telemetry } of live) {
    if (!telemetry.ready && !telemetry.stopping) {
      yield {
        rule: 'instance.not_ready',
        key: `ready ${key}`,
        subject: key,
        severity: 'degraded',
        message: `${displayName(telemetry)} is not ready: ${telemetry.problems.join('; ') || 'no reason given'}`,
        hint: `It gets no requests until it is ready; ${telemetry.url}/readyz and its log have details.`,
      };
    }
    const delay = telemetry.process.eventLoopDelayP99Ms;
    if (delay > LOOP_DELAY_MS) {
      yield {
        rule: 'instance.loop_blocked',
        key: `loop ${key}`,
        subject: key,
        measured: delay,
        limit: LOOP_DELAY_MS,
        unit: 'ms',
        severity: 'degraded',
        message: `the event loop of ${displayName(telemetry)} is blocked: p99 ${Math.round(delay)} ms, CPU ${Math.round(telemetry.process.cpuPercent)} %`,
        hint: 'Start another instance (npm start -- --scale), or look for a long synchronous computation.',
        holdMs: HOLD_MS,
      };
    }
  }
}
