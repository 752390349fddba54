/** What is known about the primary: its WAL position, its epoch, whether it answers, and the horizon of its reads. */
import { type Lsn, parseLsn } from '@tidemark/contracts';
import { Horizon } from './horizon.ts';
import { encodeStatement } from './param.ts';
import { PollLoop } from './poll-loop.ts';
import { PostgresError } from './postgres-error.ts';
import type { Probe } from './probe.ts';
import type { DbEvent } from './types.ts';

const POLL_MS = 250;
const POLL_TIMEOUT_MS = 1_000;

const FLUSHED = encodeStatement({ text: 'select pg_current_wal_flush_lsn()::text as flushed' });
/**
 * The xid assigned next is read without assigning one: age() counts from it (GetStableLatestTransactionId), and a snapshot's
 * xmax gives the upper 32 bits. In a statement of its own, so that it is read after the position.
 */
const NEXT_XID = encodeStatement({
  text: `select pg_snapshot_xmax(s)::text as xmax, age(pg_snapshot_xmax(s)::xid) as beyond,
                pg_current_wal_insert_lsn()::text as inserted,
                (select epoch from tidemark.epochs order by minted_at desc, epoch desc limit 1) as epoch
         from pg_current_snapshot() as s`,
});

export class PrimaryWatcher {
  readonly horizon: Horizon = new Horizon();
  flushed: Lsn = 0n;
  /** At or past `flushed`: no tidemark can be beyond it. */
  inserted: Lsn = 0n;
  /** Undefined until it was read once. */
  epoch: string | undefined;
  /** Why the last poll failed. */
  error: Error | undefined;
  readonly #probe: Probe;
  readonly #observe: (event: DbEvent) => void;
  readonly #loop: PollLoop;

  constructor(probe: Probe, observe: (event: DbEvent) => void) {
    this.#probe = probe;
    this.#observe = observe;
    this.#loop = new PollLoop(
      () => this.#poll(),
      () => POLL_MS,
    );
  }

  /** A poll that starts now. Never rejects: see `error`. */
  refresh(): Promise<void> {
    return this.#loop.fresh();
  }

  /** The schema is not there. */
  get isUnmigrated(): boolean {
    if (this.error instanceof PostgresError) return this.error.code === '42P01' || this.error.code === '3F000';
    return this.error === undefined && this.epoch === undefined;
  }

  /** A write has just told of this position. */
  noteWrite(lsn: Lsn): void {
    if (lsn > this.inserted) this.inserted = lsn;
  }

  async stop(): Promise<void> {
    this.#probe.close();
    await this.#loop.stop();
  }

  async #poll(): Promise<void> {
    try {
      const [position, xid] = await this.#probe.ask([FLUSHED, NEXT_XID], POLL_TIMEOUT_MS);
      this.error = undefined;
      this.flushed = parseLsn(position!.flushed);
      this.inserted = parseLsn(xid!.inserted);
      this.#noteEpoch(xid!.epoch ?? undefined);
      const nextXid = BigInt(xid!.xmax) + BigInt(xid!.beyond);
      this.horizon.add({ at: performance.now(), lsn: this.flushed, nextXid });
    } catch (error) {
      this.error = error as Error;
    }
  }

  #noteEpoch(epoch: string | undefined): void {
    if (epoch === undefined || epoch === this.epoch) return;
    if (this.epoch !== undefined) {
      this.horizon.clear();
      this.#observe({ type: 'db.epoch_changed', from: this.epoch, to: epoch });
    }
    this.epoch = epoch;
  }
}
