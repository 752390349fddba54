/** The connections of the service to Postgres and NATS, and the descriptors that are left for clients. */
import { type Bus, connectBus } from '@tidemark/bus';
import { type Database, openDatabase } from '@tidemark/db';
import { busOptions, type Descriptors, databaseOptions, openDescriptors, type ServiceBase } from '@tidemark/service';
import type { Config } from './config.ts';
import type { GatewayEvent } from './events.ts';

export interface Connected {
  readonly db: Database;
  readonly bus: Bus;
  readonly descriptors: Descriptors;
}

/** Leaves no connection open where one of them fails. */
export async function connect(config: Config, base: ServiceBase<GatewayEvent>): Promise<Connected> {
  const { instance, metrics, observe } = base;
  const options = databaseOptions(config);
  const db = await openDatabase({
    ...options,
    ...(config.DATABASE_DIRECT_URL && { pooledUrl: config.DATABASE_URL }),
    applicationName: `tidemark ${instance}`,
    pools: {
      ...options.pools,
      read: { ...options.pools.read, queueTargetMs: config.SHED_QUEUE_MS },
      write: { ...options.pools.write, queueTargetMs: config.SHED_QUEUE_MS },
    },
    answerMaxBytes: config.ANSWER_MAX_BYTES,
    answersTotalBytes: config.ANSWERS_TOTAL_BYTES,
    statementTimeouts: config.statementTimeouts,
    healthyLagMs: config.DB_LAG_HEALTHY_MS,
    unhealthyLagMs: config.DB_LAG_MOST_MS,
    failoverAfterMs: config.DB_FAILOVER_AFTER_MS,
    observe,
  });
  try {
    const bus = await connectBus({ ...busOptions(config, 'gateway'), name: instance, observe });
    const descriptors = openDescriptors({
      // Connections to Postgres, and the files of uploads.
      own: db.poolStats().reduce((sum, pool) => sum + pool.max, 0) + config.FILES_UPLOADS_MAX,
      // A proxied WebSocket takes two descriptors.
      wanted: config.CONNECTIONS_MAX * (config.realtimeUrls.length > 0 ? 2 : 1),
      metrics,
      observe,
    });
    return { db, bus, descriptors };
  } catch (error) {
    await db.close();
    throw error;
  }
}
