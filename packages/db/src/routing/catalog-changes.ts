/** Applies a change of the catalogs to the pools: on the primary at once, on a replica once it has replayed the change. */
import { type Lsn, parseLsn } from '@tidemark/contracts';
import type { ConnectionPool } from '../pool/pool.ts';
import { INSERTED_SQL } from '../sql/wal.ts';

const POSITION = `select ${INSERTED_SQL} as lsn`;

export interface PoolsOfServers {
  readonly primary: readonly ConnectionPool[];
  readonly replicas: readonly { readonly pools: readonly ConnectionPool[]; replayed(): Lsn }[];
}

export class CatalogChanges {
  readonly #pools: PoolsOfServers;
  readonly #apply: (pool: ConnectionPool) => void;
  /** Positions of the last change, by the index of the replica that has not replayed it yet. */
  readonly #unreplayed = new Map<number, Lsn>();

  constructor(pools: PoolsOfServers, apply: (pool: ConnectionPool) => void) {
    this.#pools = pools;
    this.#apply = apply;
  }

  async noticed(asker: ConnectionPool): Promise<void> {
    for (const pool of this.#pools.primary) this.#apply(pool);
    const [row] = await asker.query<{ lsn: string }>(POSITION);
    for (const [index, { replayed }] of this.#pools.replicas.entries()) {
      this.#unreplayed.set(index, parseLsn(row!.lsn));
      this.replayed(index, replayed());
    }
  }

  replayed(replica: number, lsn: Lsn): void {
    const change = this.#unreplayed.get(replica);
    if (change === undefined || lsn < change) return;
    this.#unreplayed.delete(replica);
    for (const pool of this.#pools.replicas[replica]!.pools) this.#apply(pool);
  }
}
