import { baseConfig, limiterConfig, tokenConfig } from '@tidemark/service';
import { type Static, Type } from 'typebox';

export const configSchema = Type.Object({
  ...baseConfig,
  ...tokenConfig,
  ...limiterConfig,
  PORT: Type.Integer({ default: 8083, minimum: 0, maximum: 65_535, description: '0: any free port' }),
  METRICS_EXPECT: Type.String({
    default: 'gateway,realtime,batch',
    pattern: '^(none|(gateway|realtime|batch)(,(gateway|realtime|batch))*)$',
    description: 'services that must report themselves, separated by commas, or none',
  }),
  METRICS_INSTANCES_MAX: Type.Integer({
    default: 256,
    minimum: 1,
    description: 'instances; each takes about 20 KB, and adds labels to /metrics',
  }),
  METRICS_LOST_AFTER_MS: Type.Integer({
    default: 5_000,
    minimum: 2_500,
    description:
      'ms without telemetry, which instances send each second (idle ones every second time), after which an instance is lost',
  }),
  METRICS_DROP_AFTER_MS: Type.Integer({
    default: 60_000,
    minimum: 5_000,
    description: 'ms without telemetry after which a lost instance is no longer shown',
  }),
  METRICS_HISTORY_SECONDS: Type.Integer({
    default: 3_600,
    minimum: 60,
    maximum: 86_400,
    description: 's of history, at one value a second',
  }),
  METRICS_HISTORY_MAX_BYTES: Type.Integer({
    default: 32 * 1024 ** 2,
    minimum: 1024 ** 2,
    description: 'bytes; 32 MiB are 2,330 series of an hour, enough for about 80 instances',
  }),
  METRICS_REQUESTS_PER_S: Type.Integer({
    default: 100,
    minimum: 0,
    description:
      'requests a second to the performance API, with bursts of 10 s: a response has up to 2 MB, or takes a request to every instance. 0: no limit',
  }),
  METRICS_STREAM_CLIENTS_MAX: Type.Integer({
    default: 32,
    minimum: 1,
    description: 'clients of the event stream; each gets about 10 KB a second',
  }),
  METRICS_STREAM_STALL_MS: Type.Integer({
    default: 10_000,
    minimum: 200,
    description: 'ms without reading after which a client of the event stream is disconnected',
  }),
  METRICS_ANALYZE_URL: Type.String({
    default: '',
    description:
      'the primary, as the login tidemark_analyze, which owns nothing and is no superuser: for queries/analyze; empty: it is off',
  }),
  METRICS_THRESHOLDS_FILE: Type.String({
    default: '',
    description: 'a JSON file with limits of the health rules (REFERENCE.md) that differ from their defaults',
  }),
  METRICS_ACTIONS: Type.String({
    default: 'off',
    pattern: '^(on|off)$',
    description:
      'on: operators with the role ops may carry out the remedies of findings, with the rights of that role in the database; each is recorded',
  }),
  METRICS_CERTIFICATE_URLS: Type.String({
    default: '',
    description:
      'addresses whose certificates are looked at each hour, separated by commas: https://, tls:// or postgres://, with host and port',
  }),
  METRICS_REPLICA_LAG_ALERT_MS: Type.Integer({
    default: 5_000,
    minimum: 100,
    description: 'ms of replica lag that is reported; reads go to the primary long before',
  }),
  METRICS_SLOT_ALERT_BYTES: Type.Integer({
    default: 1024 ** 3,
    minimum: 1024 ** 2,
    description: 'bytes of WAL retained by one replication slot that are reported, because WAL may fill the disk',
  }),
  METRICS_TRANSACTION_ALERT_MS: Type.Integer({
    default: 60_000,
    minimum: 1_000,
    description:
      'ms after which an open transaction is reported: it holds locks and prevents VACUUM from removing dead rows',
  }),
  METRICS_ALERT_SLACK_URLS: Type.String({
    default: '',
    description: 'incoming webhooks of Slack (or Mattermost, Rocket.Chat) for alerts, separated by commas',
  }),
  METRICS_ALERT_WEBHOOK_URLS: Type.String({
    default: '',
    description: 'URLs that get alerts as Alertmanager’s webhooks send them (version 4), separated by commas',
  }),
  METRICS_HEARTBEAT_URL: Type.String({
    default: '',
    description: 'URL requested each minute while this service works, for a monitor that reports its silence',
  }),
  METRICS_PUBLIC_URL: Type.String({
    default: '',
    description: 'address of the console, for the link in notifications; empty: no link',
  }),
  METRICS_ALERT_GROUP_MS: Type.Integer({
    default: 10_000,
    minimum: 0,
    description: 'ms in which alerts are collected into one notification',
  }),
  METRICS_ALERT_REPEAT_MS: Type.Integer({
    default: 4 * 3_600_000,
    minimum: 60_000,
    description: 'ms after which the notification about a lasting alert is repeated',
  }),
  METRICS_ALERT_QUIET_MS: Type.Integer({
    default: 60_000,
    minimum: 0,
    description: 'ms without the problem after which its alert has ended',
  }),
});
export type Config = Readonly<Static<typeof configSchema>>;
