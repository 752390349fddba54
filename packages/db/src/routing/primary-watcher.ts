import { type Lsn, parseLsn } from '@tidemark/contracts';
import { PostgresError } from '../connection/postgres-error.ts';
import type { Probe } from '../connection/probe.ts';
import type { ConnectionTarget } from '../connection/url.ts';
import type { DbEvent } from '../events.ts';
import { LAST_EPOCH, mintScript, SYSTEM, TIMELINE } from '../failover/epoch.ts';
import { encodeStatement } from '../sql/param.ts';
import type { Row } from '../types.ts';
import type { Activity } from './activity.ts';
import { PollLoop } from './poll-loop.ts';
import { SnapshotLsnTracker } from './snapshot-lsn.ts';

const POLL_MS = 250;
/** Interval while no request uses the database. */
export const IDLE_POLL_MS = 10_000;
const POLL_TIMEOUT_MS = 1_000;

/**
 * age() counts from the next xid as of its first call in the transaction (GetStableLatestTransactionId). The xid must be
 * read after the position, which a materialized CTE is before the row that age() is computed for.
 */
const POSITION = encodeStatement({
  text: `with position as materialized (select pg_current_wal_flush_lsn()::text as flushed)
         select p.flushed, pg_snapshot_xmax(s)::text as xmax, age(pg_snapshot_xmax(s)::xid) as beyond,
                pg_current_wal_insert_lsn()::text as inserted,
                ${TIMELINE} as timeline, ${SYSTEM} as system,
                e.epoch, e.timeline as epoch_timeline, e.system_identifier as epoch_system
         from position p cross join pg_current_snapshot() as s left join lateral (${LAST_EPOCH}) as e on true`,
});

export class PrimaryWatcher {
  readonly snapshotLsn: SnapshotLsnTracker = new SnapshotLsnTracker();
  flushed: Lsn = 0n;
  /** At or past `flushed`: no tidemark can be beyond it. */
  inserted: Lsn = 0n;
  epoch: string | undefined;
  error: Error | undefined;
  timeline: number | undefined;
  systemIdentifier: string | undefined;
  #moves = 0;
  #failingSince: number | undefined;
  readonly #probe: Probe;
  readonly #observe: (event: DbEvent) => void;
  readonly #loop: PollLoop;

  constructor(probe: Probe, activity: Activity, observe: (event: DbEvent) => void) {
    this.#probe = probe;
    this.#observe = observe;
    this.#loop = new PollLoop(
      () => this.#poll(),
      () => (activity.look() && this.error === undefined ? IDLE_POLL_MS : POLL_MS),
    );
    probe.onLost = () => void this.#loop.now();
  }

  poll(): Promise<void> {
    return this.#loop.now();
  }

  refresh(): Promise<void> {
    return this.#loop.fresh();
  }

  get isUnmigrated(): boolean {
    if (this.error instanceof PostgresError) return this.error.code === '42P01' || this.error.code === '3F000';
    return this.error === undefined && this.epoch === undefined;
  }

  noteWrite(lsn: Lsn): void {
    if (lsn > this.inserted) this.inserted = lsn;
  }

  /** Time since the server stopped answering as a primary; undefined while it answers. */
  get goneMs(): number | undefined {
    return this.#failingSince === undefined ? undefined : performance.now() - this.#failingSince;
  }

  moveTo(target: ConnectionTarget, timeline: number, epoch: string): void {
    this.#moves++;
    this.#probe.moveTo(target);
    this.#failingSince = undefined;
    this.snapshotLsn.clear();
    this.flushed = 0n;
    this.inserted = 0n;
    this.timeline = timeline;
    this.#noteEpoch(epoch);
  }

  async stop(): Promise<void> {
    this.#probe.close();
    await this.#loop.stop();
  }

  async #poll(): Promise<void> {
    const moves = this.#moves;
    try {
      let [answer] = await this.#probe.ask([POSITION], POLL_TIMEOUT_MS);
      if (await this.#mintIfMoved(answer!)) [answer] = await this.#probe.ask([POSITION], POLL_TIMEOUT_MS);
      if (moves !== this.#moves) return;
      this.error = undefined;
      this.#failingSince = undefined;
      const { timeline, system, flushed, inserted, epoch, xmax, beyond } = answer!;
      this.timeline = timeline;
      this.systemIdentifier = system;
      this.flushed = parseLsn(flushed);
      this.inserted = parseLsn(inserted);
      this.#noteEpoch(epoch ?? undefined);
      const nextXid = BigInt(xmax) + BigInt(beyond);
      this.snapshotLsn.add({ at: performance.now(), lsn: this.flushed, nextXid });
    } catch (error) {
      if (moves !== this.#moves) return;
      this.error = error as Error;
      this.#failingSince ??= performance.now();
    }
  }

  /** The address may lead to another history: a failover behind a virtual address, a restored backup. */
  async #mintIfMoved({ epoch, timeline, system, epoch_timeline, epoch_system }: Row): Promise<boolean> {
    if (epoch === null || (timeline === epoch_timeline && system === epoch_system)) return false;
    const reason =
      system === epoch_system
        ? `the timeline is ${timeline}, not ${epoch_timeline}`
        : 'the database is on another cluster';
    await this.#probe.run(mintScript(epoch, reason), POLL_TIMEOUT_MS);
    return true;
  }

  #noteEpoch(epoch: string | undefined): void {
    if (epoch === undefined || epoch === this.epoch) return;
    if (this.epoch !== undefined) {
      this.snapshotLsn.clear();
      this.#observe({ type: 'db.epoch_changed', from: this.epoch, to: epoch });
    }
    this.epoch = epoch;
  }
}
