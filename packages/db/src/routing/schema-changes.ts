/** After a change of the schema, prepares statements anew: on the primary at once, on a replica once it has replayed the change. */
import { type Lsn, parseLsn } from '@tidemark/contracts';
import type { ConnectionPool } from '../pool/pool.ts';
import { INSERTED_SQL } from '../sql/wal.ts';

const POSITION = `select ${INSERTED_SQL} as lsn`;

export class SchemaChanges {
  readonly #primary: readonly ConnectionPool[];
  readonly #replicas: readonly (readonly ConnectionPool[])[];
  /** Positions of the last change, by the index of the replica that has not replayed it yet. */
  readonly #unreplayed = new Map<number, Lsn>();

  constructor(primary: readonly ConnectionPool[], replicas: readonly (readonly ConnectionPool[])[]) {
    this.#primary = primary;
    this.#replicas = replicas;
  }

  async noticed(asker: ConnectionPool): Promise<void> {
    for (const pool of this.#primary) pool.forgetStatements();
    const [row] = await asker.query<{ lsn: string }>(POSITION);
    for (const replica of this.#replicas.keys()) this.#unreplayed.set(replica, parseLsn(row!.lsn));
  }

  replayed(replica: number, lsn: Lsn): void {
    const change = this.#unreplayed.get(replica);
    if (change === undefined || lsn < change) return;
    this.#unreplayed.delete(replica);
    for (const pool of this.#replicas[replica] ?? []) pool.forgetStatements();
  }
}
