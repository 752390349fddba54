import { type Bus, connectBus } from '@tidemark/bus';
import { type Database, openDatabase } from '@tidemark/db';
import { busOptions, databaseOptions } from '@tidemark/service';
import type { Config } from './config.ts';
import type { RealtimeEvent } from './events.ts';
import { SESSION_SETTINGS } from './session-settings.ts';

/** Connects to Postgres and NATS. Leaves no connection open where one of them fails. */
export async function connect(
  config: Config,
  instance: string,
  observe: (event: RealtimeEvent) => void,
): Promise<{ database: Database; bus: Bus }> {
  const applicationName = `tidemark ${instance}`;
  const database = await openDatabase({
    ...databaseOptions(config),
    applicationName,
    settings: SESSION_SETTINGS,
    observe,
  });
  try {
    return { database, bus: await connectBus({ ...busOptions(config, 'realtime'), name: instance, observe }) };
  } catch (error) {
    await database.close();
    throw error;
  }
}
