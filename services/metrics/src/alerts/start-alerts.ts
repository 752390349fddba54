import type { Bus } from '@tidemark/bus';
import { commaSeparated } from '@tidemark/service';
import type { PostgresConnection } from '../collectors/postgres-connection.ts';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import type { MetricsEvent } from '../events.ts';
import type { Registry } from '../instances/registry.ts';
import type { Timeline } from '../timeline/timeline.ts';
import { AlertBook } from './alert-book.ts';
import { AlertBus } from './alert-bus.ts';
import { Alerts } from './alerts.ts';
import { Delivery } from './delivery.ts';
import { Heartbeat } from './heartbeat.ts';
import { isLeader } from './leader.ts';
import { receiversOf } from './receivers.ts';
import { Silences } from './silences.ts';

export interface AlertsInputs {
  config: Config;
  bus: Bus;
  instance: string;
  postgres: PostgresConnection;
  registry: Registry;
  timeline: Timeline;
  observe: (event: MetricsEvent) => void;
}

const URLS = ['METRICS_ALERT_SLACK_URLS', 'METRICS_ALERT_WEBHOOK_URLS', 'METRICS_HEARTBEAT_URL'] as const;

/** @throws METRICS_WEBHOOK_URL */
export function checkAlertUrls(config: Config): void {
  for (const setting of URLS) for (const url of commaSeparated(config[setting])) checkUrl(setting, url);
}

export function startAlerts({ config, bus, instance, postgres, registry, timeline, observe }: AlertsInputs): Alerts {
  const receivers = receiversOf(config.METRICS_ALERT_SLACK_URLS, config.METRICS_ALERT_WEBHOOK_URLS);
  const book = new AlertBook({
    receivers: receivers.map(({ name }) => name),
    quietMs: config.METRICS_ALERT_QUIET_MS,
    timeline,
    observe,
  });
  const options = {
    groupMs: config.METRICS_ALERT_GROUP_MS,
    repeatMs: config.METRICS_ALERT_REPEAT_MS,
    publicUrl: config.METRICS_PUBLIC_URL,
    onTold: book.told.bind(book),
    observe,
  };
  const heartbeatUrl = config.METRICS_HEARTBEAT_URL;
  return new Alerts({
    book,
    bus: new AlertBus(bus, book, instance),
    deliveries: receivers.map((receiver) => new Delivery(receiver, options)),
    silences: new Silences(),
    heartbeat: heartbeatUrl === '' ? undefined : new Heartbeat(heartbeatUrl, observe),
    pool: () => postgres.admin(),
    isLeader: () => isLeader(registry.live(Date.now()), instance),
    observe,
  });
}

/** The value may be a secret, so the error shows no more than its beginning. */
function checkUrl(setting: string, url: string): void {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return;
  throw errors.WEBHOOK_URL({ setting, host: parsed ? `${parsed.protocol}…` : `${url.slice(0, 8)}…` });
}
