import type { Finding } from '../finding.ts';
import { type SystemState, seconds } from '../system-state.ts';

/** Finds receivers that do not accept alerts. The other receivers are notified. */
export function* deliveryRules({ now, deliveries }: SystemState): Generator<Finding> {
  for (const { name, failingSince, error, waiting } of deliveries?.receivers ?? []) {
    if (failingSince === null) continue;
    const alerts = waiting === 1 ? '1 alert waits' : `${waiting} alerts wait`;
    yield {
      rule: 'alerts.undelivered',
      key: `alerts undelivered ${name}`,
      subject: name,
      severity: 'degraded',
      measured: now - failingSince,
      unit: 'ms',
      message: `alerts have not been delivered to ${name} for ${seconds(now - failingSince)}: ${error}; ${alerts}`,
      hint: 'They are sent again until it accepts them. Check its URL, then POST /api/v1/performance/alerts/test.',
    };
  }
  const heartbeat = deliveries?.heartbeat;
  if (heartbeat && heartbeat.failingSince !== null) {
    yield {
      rule: 'alerts.undelivered',
      key: 'heartbeat undelivered',
      subject: 'heartbeat',
      severity: 'degraded',
      measured: now - heartbeat.failingSince,
      unit: 'ms',
      message: `the heartbeat has not arrived for ${seconds(now - heartbeat.failingSince)}: ${heartbeat.error}`,
      hint: 'Its receiver will soon report this service as dead. Check METRICS_HEARTBEAT_URL.',
    };
  }
}
