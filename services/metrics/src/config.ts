import { baseConfig, limiterConfig, tokenConfig } from '@tidemark/service';
import { type Static, Type } from 'typebox';

export const configSchema = Type.Object({
  ...baseConfig,
  ...tokenConfig,
  ...limiterConfig,
  PORT: Type.Integer({ default: 8083, minimum: 0, maximum: 65_535, description: '0: any free one' }),
  METRICS_EXPECT: Type.String({
    default: 'gateway,realtime,batch',
    pattern: '^(none|(gateway|realtime|batch)(,(gateway|realtime|batch))*)$',
    description: 'services whose absence is a problem, separated by commas, or none; leave out what you do not run',
  }),
  METRICS_INSTANCES_MAX: Type.Integer({
    default: 256,
    minimum: 1,
    description: 'instances kept; each costs about 20 KB, and the labels of /metrics grow with them',
  }),
  METRICS_LOST_AFTER_MS: Type.Integer({
    default: 5_000,
    minimum: 2_000,
    description: 'ms; telemetry comes each second, so this is several missed in a row',
  }),
  METRICS_DROP_AFTER_MS: Type.Integer({
    default: 60_000,
    minimum: 5_000,
    description: 'ms of silence after which a lost instance is no longer shown: long enough for somebody to see it',
  }),
  METRICS_HISTORY_SECONDS: Type.Integer({
    default: 900,
    minimum: 60,
    maximum: 86_400,
    description: 's of history at one value a second',
  }),
  METRICS_HISTORY_MAX_BYTES: Type.Integer({
    default: 16 * 1024 ** 2,
    minimum: 1024 ** 2,
    description: 'bytes; 16 MiB hold 2,330 series of 900 s, which is about 80 instances',
  }),
  METRICS_REQUESTS_PER_S: Type.Integer({
    default: 100,
    minimum: 0,
    description:
      'requests a second for the performance API, 10 s’ worth at once; an answer may have 2 MB, or ask every instance. 0: no limit',
  }),
  METRICS_STREAM_CLIENTS_MAX: Type.Integer({
    default: 32,
    minimum: 1,
    description: 'clients of the stream; each gets some 10 KB a second',
  }),
  METRICS_STREAM_STALL_MS: Type.Integer({
    default: 10_000,
    minimum: 200,
    description: 'ms that a client may leave its last message unread before it is dropped',
  }),
  METRICS_REPLICA_LAG_ALERT_MS: Type.Integer({
    default: 5_000,
    minimum: 100,
    description: 'ms; reads have long gone to the primary by then, and it feels it',
  }),
  METRICS_SLOT_ALERT_BYTES: Type.Integer({
    default: 1024 ** 3,
    minimum: 1024 ** 2,
    description: 'bytes of WAL that one slot may keep from being removed: beyond, it is on its way to fill the disk',
  }),
  METRICS_TRANSACTION_ALERT_MS: Type.Integer({
    default: 60_000,
    minimum: 1_000,
    description: 'ms; a transaction open for longer holds locks and keeps VACUUM from cleaning up',
  }),
});
export type Config = Readonly<Static<typeof configSchema>>;
