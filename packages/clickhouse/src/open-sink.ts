import { openPool } from '@tidemark/db';
import { ConnectionPool } from './connection-pool.ts';
import { RunningSink } from './sink.ts';
import type { Sink, SinkOptions } from './sink-types.ts';

/** Resolves when every table has been copied or found, and is followed. */
export async function openSink(options: SinkOptions): Promise<Sink> {
  const pool = new ConnectionPool(options.clickhouse);
  const postgres = openPool({
    url: options.databaseUrl,
    name: 'sink',
    applicationName: 'tidemark',
    settings: { timezone: 'UTC' },
    options: { max: 3, min: 0, statementTimeoutMs: 300_000, leakThresholdMs: 0 },
  });
  const running = new RunningSink(options, pool, postgres);
  try {
    await running.begin();
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}
