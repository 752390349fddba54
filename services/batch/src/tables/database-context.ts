import type { Database, Identity } from '@tidemark/db';
import type { FileRegistry, FileStore } from '@tidemark/files';
import type { Catalog } from '@tidemark/plan';
import type { Semaphore } from '@tidemark/service';
import type { Snapshots } from '../snapshots/snapshots.ts';

/** A kind with `usesDatabase` works with this. All that it reads and writes for a job must be under `identity`. */
export interface DatabaseContext {
  database: Database;
  /** The identity that inserted the job. */
  identity: Identity;
  files: FileRegistry;
  store: FileStore;
  /** The exposed tables, as of now. */
  catalog(): Promise<Catalog>;
  snapshots: Snapshots;
  /** Bounds the transactions of this instance that write many rows. */
  writers: Semaphore;
  /** Bounds the reports that this instance draws, each on a thread. */
  reports: Semaphore;
}
