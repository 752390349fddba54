/** The body of Alertmanager's webhooks, version 4: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config */
import { createHash } from 'node:crypto';
import type { AlertState } from './alert.ts';

/** Alertmanager's mark for an alert that has not ended. */
const NO_END = '0001-01-01T00:00:00Z';

export function alertmanagerBody(alerts: readonly AlertState[], publicUrl: string) {
  const isFiring = alerts.some(({ endedAt }) => endedAt === null);
  return {
    version: '4',
    groupKey: '{}:{service="tidemark"}',
    truncatedAlerts: 0,
    status: isFiring ? 'firing' : 'resolved',
    receiver: 'tidemark',
    groupLabels: { service: 'tidemark' },
    commonLabels: { service: 'tidemark' },
    commonAnnotations: {},
    externalURL: publicUrl,
    alerts: alerts.map((alert) => ({
      status: alert.endedAt === null ? 'firing' : 'resolved',
      labels: {
        alertname: alert.rule,
        service: 'tidemark',
        severity: alert.severity,
        subject: alert.subject,
        key: alert.key,
      },
      annotations: { summary: alert.message, description: alert.hint },
      startsAt: new Date(alert.startedAt).toISOString(),
      endsAt: alert.endedAt === null ? NO_END : new Date(alert.endedAt).toISOString(),
      generatorURL: publicUrl,
      // Equal for all notifications about one problem, by which receivers join them.
      fingerprint: createHash('sha256').update(alert.key).digest('hex').slice(0, 16),
    })),
  };
}
