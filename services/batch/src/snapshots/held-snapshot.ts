/** A snapshot lives as long as a transaction that has exported or imported it. */
import { literal, type Pool } from '@tidemark/db';

export interface HeldSnapshot {
  /** The identifier for SET TRANSACTION SNAPSHOT. */
  readonly id: string;
  /** Resolves to whether the transaction is still open, which also keeps its connection from being idle. */
  isAlive(): Promise<boolean>;
  release(): void;
}

const PROBE_MS = 5_000;

/** Exports a new snapshot, or one that another transaction has exported. Rejects when that one has ended. */
export function holdSnapshot(pool: Pool, from?: string): Promise<HeldSnapshot> {
  return new Promise((resolve, reject) => {
    let release = () => {};
    const released = new Promise<void>((done) => {
      release = done;
    });
    pool
      .transaction(
        async (tx) => {
          if (from !== undefined) await tx.query(`set transaction snapshot ${literal(from)}`);
          await tx.query('set local idle_in_transaction_session_timeout = 0');
          const [row] = await tx.query<{ id: string }>('select pg_export_snapshot() as id');
          const isAlive = () =>
            tx.query('select 1').then(
              () => true,
              () => false,
            );
          resolve({ id: row!.id, isAlive, release });
          await released;
        },
        { isolation: 'repeatable read', readOnly: true, timeoutMs: PROBE_MS, holder: { route: 'snapshot of a job' } },
      )
      // After the snapshot was taken, only isAlive tells of its loss.
      .catch(reject);
  });
}
