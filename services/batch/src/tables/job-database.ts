import type { Database } from '@tidemark/db';
import type { FileRegistry, FileStore } from '@tidemark/files';
import { commaSeparated, Semaphore } from '@tidemark/service';
import type { Config } from '../config.ts';
import type { BatchEvent } from '../events.ts';
import { identityOf, type JobIdentity } from '../jobs/identity.ts';
import { createSnapshots, type Snapshots } from '../snapshots/snapshots.ts';
import type { WorkWatch } from '../sweeper/work-watch.ts';
import type { DatabaseContext } from './database-context.ts';
import { createExposedTables } from './exposed-tables.ts';

export interface JobDatabaseOptions {
  database: Database;
  registry: FileRegistry;
  store: FileStore;
  config: Pick<Config, 'DB_SCHEMAS' | 'BATCH_WRITERS' | 'BATCH_REPORTS'>;
  roles: readonly string[];
  worker: string;
  work: WorkWatch;
  observe: (event: BatchEvent) => void;
}

export interface JobDatabase {
  /** @throws BATCH_ROLE_REFUSED */
  databaseOf: (identity: JobIdentity) => DatabaseContext;
  snapshots: Snapshots;
  writers: Semaphore;
  reports: Semaphore;
}

export function openJobDatabase(options: JobDatabaseOptions): JobDatabase {
  const { database, registry: files, store, roles, worker, work, observe } = options;
  const { write, analytics } = database.pools;
  const catalog = createExposedTables(write, commaSeparated(options.config.DB_SCHEMAS));
  const snapshots = createSnapshots({ pool: analytics, rows: write, worker, work, observe });
  const writers = new Semaphore(options.config.BATCH_WRITERS);
  const reports = new Semaphore(options.config.BATCH_REPORTS);
  const shared = { database, files, store, catalog, snapshots, writers, reports };
  return {
    snapshots,
    writers,
    reports,
    databaseOf: (identity) => ({ ...shared, identity: identityOf(identity, roles) }),
  };
}
