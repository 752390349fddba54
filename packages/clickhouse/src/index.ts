export type { PoolOptions, PoolStats } from './connection-pool.ts';
export { errors as clickhouseErrors } from './errors.ts';
export type { SinkEvent } from './events.ts';
export { serveSinkMetrics } from './metrics.ts';
export { openSink } from './open-sink.ts';
export type { Sink, SinkOptions, SinkStats } from './sink-types.ts';
export { parseTableNames } from './table-names.ts';
