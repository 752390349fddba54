/**
 * Keeps the snapshot of each job that reads tables in two instances, so that one may die. When both are gone, the job
 * starts over with a new snapshot, and says so.
 */
import type { Pool } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { BatchEvent } from '../events.ts';
import type { WorkWatch } from '../sweeper/work-watch.ts';
import { type HeldSnapshot, holdSnapshot } from './held-snapshot.ts';
import { snapshotStatements } from './snapshot-statements.ts';

export interface JobSnapshot {
  /** The `snapshot` of a stream. */
  id: string;
  /** How often the job has started over with a new snapshot. */
  restarts: number;
}

export interface Snapshots {
  /** Returns the snapshot of a running job. It is held until the job ends or is paused. */
  of(job: string): Promise<JobSnapshot>;
  held(): number;
  stop(): Promise<void>;
}

export interface SnapshotsOptions {
  /** The snapshots' transactions are on this pool. */
  pool: Pool;
  /** The rows are on this one. */
  rows: Pool;
  worker: string;
  work: Pick<WorkWatch, 'isBusy'>;
  observe: (event: BatchEvent) => void;
}

interface SnapshotRow {
  worker: string;
  snapshot: string;
  restarts: number;
}

/** Each one takes a connection. */
const MAX_HELD = 4;
const LOOK_MS = 1_000;

export function createSnapshots({ pool, rows, worker, work, observe }: SnapshotsOptions): Snapshots {
  const held = new Map<string, HeldSnapshot & { restarts: number }>();
  const beat = every('snapshots', LOOK_MS, look, observe);
  let looking: Promise<void> = Promise.resolve();

  async function keep(job: string, snapshot: HeldSnapshot, restarts: number): Promise<JobSnapshot> {
    held.get(job)?.release();
    held.set(job, { ...snapshot, restarts });
    await rows.query(snapshotStatements.keep, [job, worker, snapshot.id, restarts]);
    return { id: snapshot.id, restarts };
  }

  async function of(job: string): Promise<JobSnapshot> {
    const own = held.get(job);
    if (own && (await own.isAlive())) return { id: own.id, restarts: own.restarts };
    const known = await rows.query<SnapshotRow & Record<string, unknown>>(snapshotStatements.ofJob, [job]);
    for (const { snapshot, restarts } of known) {
      // A snapshot whose transaction has ended cannot be imported.
      const again = await holdSnapshot(pool, snapshot).catch(() => undefined);
      if (again) return keep(job, again, restarts);
    }
    await forget(known.map((row) => ({ job, worker: row.worker })));
    const restarts = known.length === 0 ? 0 : Math.max(...known.map((row) => row.restarts)) + 1;
    if (restarts > 0) observe({ type: 'job.snapshot_lost', job, restarts });
    return keep(job, await holdSnapshot(pool), restarts);
  }

  async function forget(gone: { job: string; worker: string }[]): Promise<void> {
    if (gone.length > 0) await rows.query(snapshotStatements.forget, [JSON.stringify(gone)]);
  }

  async function releaseEnded(): Promise<void> {
    if (held.size === 0) return;
    // The row of a paused job stays, so that the job says so when it starts over.
    // A job that takes its snapshot during the query is not in its answer.
    const asked = [...held];
    const running = await rows.query<{ id: string }>(snapshotStatements.running, [
      JSON.stringify(asked.map(([job]) => job)),
    ]);
    const ids = new Set(running.map(({ id }) => id));
    const dead: { job: string; worker: string }[] = [];
    for (const [job, snapshot] of asked) {
      if (ids.has(job)) {
        if (await snapshot.isAlive()) continue;
        dead.push({ job, worker });
      }
      snapshot.release();
      // A new one may have taken its place meanwhile.
      if (held.get(job) === snapshot) held.delete(job);
    }
    await forget(dead);
    await rows.query(snapshotStatements.seen, [worker, JSON.stringify([...held.keys()])]);
  }

  async function holdOthers(): Promise<void> {
    const room = MAX_HELD - held.size;
    if (room <= 0) return;
    type Alone = { job: string; snapshot: string; restarts: number };
    for (const { job, snapshot, restarts } of await rows.query<Alone>(snapshotStatements.alone, [worker, room])) {
      const copy = await holdSnapshot(pool, snapshot).catch(() => undefined);
      // Its transaction has ended; the job's next attempt says so.
      if (copy) await keep(job, copy, restarts);
    }
  }

  function look(): Promise<void> {
    looking = looking.then(async () => {
      // Rows of snapshots count as work.
      if (held.size === 0 && !work.isBusy()) return;
      await releaseEnded();
      await rows.query(snapshotStatements.forgetEnded);
      await holdOthers();
    });
    const result = looking;
    looking = looking.catch(() => undefined);
    return result;
  }

  return {
    of,
    held: () => held.size,
    async stop() {
      beat.stop();
      await looking;
      for (const snapshot of held.values()) snapshot.release();
      held.clear();
    },
  };
}
