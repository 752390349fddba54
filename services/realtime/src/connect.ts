/** The connections of the service to Postgres and NATS, and the descriptors that are left for clients. */
import { type Bus, connectBus } from '@tidemark/bus';
import { type Database, openDatabase } from '@tidemark/db';
import { busOptions, type Descriptors, databaseOptions, openDescriptors, type ServiceBase } from '@tidemark/service';
import type { Config } from './config.ts';
import type { RealtimeEvent } from './events.ts';
import { SESSION_SETTINGS } from './session-settings.ts';

export interface Connected {
  readonly database: Database;
  readonly bus: Bus;
  readonly descriptors: Descriptors;
}

/** Leaves no connection open where one of them fails. */
export async function connect(config: Config, base: ServiceBase<RealtimeEvent>): Promise<Connected> {
  const { instance, metrics, observe } = base;
  const applicationName = `tidemark ${instance}`;
  const options = { ...databaseOptions(config), applicationName, settings: SESSION_SETTINGS, observe };
  const database = await openDatabase(options);
  try {
    const bus = await connectBus({ ...busOptions(config, 'realtime'), name: instance, observe });
    const descriptors = openDescriptors({
      // The connections to Postgres and the replication connection of the relay.
      own: database.poolStats().reduce((sum, pool) => sum + pool.max, 0) + 1,
      wanted: config.MAX_SOCKETS + config.MAX_EVENT_STREAMS,
      metrics,
      observe,
    });
    return { database, bus, descriptors };
  } catch (error) {
    await database.close();
    throw error;
  }
}
