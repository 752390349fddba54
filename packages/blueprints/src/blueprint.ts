import type { Database, Query } from '@tidemark/db';
import type { FileStore } from '@tidemark/files';

/** A ready-made system: a folder of SQL with the blueprint's name, and what the loader must know about it. */
export interface Blueprint {
  readonly name: string;
  readonly title: string;
  /** The schema of its tables. `public` is shared, each other one is the blueprint's own. */
  readonly schema: string;
  /** The files of the folder in the order in which one transaction runs them. `demo.sql` is left out without demo data. */
  readonly files: readonly string[];
  readonly large?: LargeData;
  /** Stores drawn images with their rows, once. Returns their number, and 0 where they are there. */
  drawn?(db: Database, store: FileStore): Promise<number>;
}

/** Data that takes longer than a start may take, and is loaded in steps beside the running services. */
export interface LargeData {
  readonly table: string;
  readonly rows: number;
  /** Each step is one transaction, and adds nothing if it is repeated. Returns the rows that are there after it. */
  steps(query: Query, rows: number): AsyncIterable<number>;
}
