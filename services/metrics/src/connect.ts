/** The connections of the service to NATS, Postgres and the database of queries/analyze, and the descriptors for clients. */
import { type Bus, connectBus } from '@tidemark/bus';
import { openPool, type Pool } from '@tidemark/db';
import { busOptions, commaSeparated, type Descriptors, openDescriptors, type ServiceBase } from '@tidemark/service';
import { type Analyzer, createAnalyzer } from './analyze/analyzer.ts';
import { connectPostgres, type InspectedConnection } from './collectors/postgres-connection.ts';
import type { Config } from './config.ts';
import type { ServiceEvent } from './events.ts';

const PROBE_CONNECTIONS = 64;
/** Two connections that are opened at the start and kept: when others take all of max_connections, this service still sees who. */
const ADMIN_POOL = {
  min: 2,
  max: 2,
  waitingLimit: 32,
  // Nearly all collectors use this timeout. To use another one, a transaction has to set it first.
  statementTimeoutMs: 5_000,
  lifetimeMs: Number.MAX_SAFE_INTEGER,
};
/** A statistic that waits for a lock would be late, and others would queue behind its lock. */
const SESSION_SETTINGS = { lock_timeout: '100ms' };
/** One remedy at a time, with the rights of ops. */
const ACTION_POOL = { min: 0, max: 1, waitingLimit: 4 };
/** openDatabase makes these pools, too; this service runs no statements on them. */
const UNUSED_POOL = { min: 0, max: 1, waitingLimit: 8 };

export interface Connected {
  readonly bus: Bus;
  readonly postgres: InspectedConnection;
  /** Undefined: METRICS_ANALYZE_URL is not set. */
  readonly analyzer: Analyzer | undefined;
  /** Undefined: METRICS_ACTIONS is off. */
  readonly actionPool: Pool | undefined;
  readonly descriptors: Descriptors;
  disconnect(): Promise<void>;
}

/** Leaves no connection open where one of them fails. */
export async function connect(config: Config, base: ServiceBase<ServiceEvent>): Promise<Connected> {
  const { instance, metrics, observe } = base;
  const applicationName = `tidemark/${instance}`;
  const bus = await connectBus({ ...busOptions(config, 'metrics'), name: instance, observe });
  let postgres: InspectedConnection | undefined;
  let analyzer: Analyzer | undefined;
  let actionPool: Pool | undefined;
  const disconnect = async () => {
    await Promise.all([postgres?.close(), analyzer?.close(), actionPool?.close()]);
    await bus.close();
  };
  try {
    const { METRICS_ANALYZE_URL: analyzeUrl } = config;
    if (analyzeUrl !== '') analyzer = createAnalyzer(analyzeUrl, applicationName);
    if (config.METRICS_ACTIONS !== 'off') {
      actionPool = openPool({
        url: config.DATABASE_URL,
        name: 'actions',
        applicationName,
        settings: { ...SESSION_SETTINGS, role: 'ops' },
        options: ACTION_POOL,
        observe,
      });
    }
    postgres = await connectPostgres(
      {
        primaryUrl: config.DATABASE_DIRECT_URL || config.DATABASE_URL,
        applicationName,
        settings: SESSION_SETTINGS,
        pools: { admin: ADMIN_POOL, write: UNUSED_POOL, read: UNUSED_POOL, analytics: UNUSED_POOL },
        observe,
      },
      commaSeparated(config.DATABASE_REPLICA_URLS),
    );
    const descriptors = openDescriptors({
      own: ADMIN_POOL.max + 3 * UNUSED_POOL.max + ACTION_POOL.max,
      wanted: config.METRICS_STREAM_CLIENTS_MAX + PROBE_CONNECTIONS,
      metrics,
      observe,
    });
    return { bus, postgres, analyzer, actionPool, descriptors, disconnect };
  } catch (error) {
    await disconnect();
    throw error;
  }
}
