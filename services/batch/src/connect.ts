/** The connections of the service to Postgres and NATS, and the descriptors that are left for probes. */
import { type Bus, connectBus } from '@tidemark/bus';
import { type Database, type DatabaseOptions, openDatabase } from '@tidemark/db';
import { busOptions, type Descriptors, databaseOptions, openDescriptors, type ServiceBase } from '@tidemark/service';
import { type Config, workerSizes } from './config.ts';
import type { BatchEvent } from './events.ts';

/** Connections for planner, sweeper and progress, beside those for the results of the workers' chunks. */
const SPARE_CONNECTIONS = 4;
/** The pipes to a worker process. */
const DESCRIPTORS_PER_WORKER = 8;
const PROBES = 64;

export interface Connected {
  readonly database: Database;
  /** The thread that renews leases opens this database, so that a busy main thread loses none. */
  readonly leaseDatabase: DatabaseOptions;
  readonly bus: Bus;
  readonly descriptors: Descriptors;
}

/** Leaves no connection open where one of them fails. */
export async function connect(config: Config, base: ServiceBase<BatchEvent>): Promise<Connected> {
  const { instance, metrics, observe } = base;
  const { threads } = workerSizes(config);
  const options = databaseOptions(config);
  const applicationName = `tidemark ${instance}`;
  const database = await openDatabase({
    ...options,
    applicationName,
    pools: { ...options.pools, write: { max: threads + 1 + SPARE_CONNECTIONS, ...options.pools.write } },
    observe,
  });
  try {
    const bus = await connectBus({ ...busOptions(config, 'batch'), name: applicationName, observe });
    const descriptors = openDescriptors({
      own: database.poolStats().reduce((sum, pool) => sum + pool.max, 0) + threads * DESCRIPTORS_PER_WORKER,
      wanted: PROBES,
      metrics,
      observe,
    });
    return { database, leaseDatabase: { ...options, applicationName: `${applicationName}/leases` }, bus, descriptors };
  } catch (error) {
    await database.close();
    throw error;
  }
}
