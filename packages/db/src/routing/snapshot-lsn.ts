/**
 * What a read on the primary reflects. A commit record can be flushed while its transaction is not visible yet, so "the
 * WAL position when I read" would overstate.
 *
 * A sample is taken in two statements: first the flushed position L, then N, the xid that will be assigned next. Whatever
 * has its commit record at or before L got its xid before N. So a read whose snapshot has xmin >= N (everything below N has
 * ended) sees every transaction up to L. A transaction that stays open and writes holds xmin, and with it the position
 * that can be proven, back: understated, never overstated.
 */
import type { Lsn } from '@tidemark/contracts';

export interface SnapshotLsnSample {
  /** When it was taken, by performance.now(). */
  at: number;
  lsn: Lsn;
  nextXid: bigint;
}

/** At four a second: two minutes in full, and further back at half the density for each time that it filled up. */
const MAX_SAMPLES = 512;

export class SnapshotLsnTracker {
  /** In the order of time, and of both fields. */
  #samples: SnapshotLsnSample[] = [];

  get latest(): SnapshotLsnSample | undefined {
    return this.#samples.at(-1);
  }

  get size(): number {
    return this.#samples.length;
  }

  add(sample: SnapshotLsnSample): void {
    const last = this.#samples.at(-1);
    // Behind the last one: another timeline, or a server restored to an earlier point. What was known does not hold there.
    if (last !== undefined && (sample.lsn < last.lsn || sample.nextXid < last.nextXid)) this.#samples = [];
    // The same position was known with less to wait for.
    else if (last !== undefined && sample.lsn === last.lsn) return;
    this.#samples.push(sample);
    if (this.#samples.length > MAX_SAMPLES) this.#thin();
  }

  /** The newest position that a snapshot with this xmin reflects; 0 when none is known. */
  provenBy(xmin: bigint): Lsn {
    const index = this.#samples.findLastIndex((sample) => sample.nextXid <= xmin);
    return this.#samples[index]?.lsn ?? 0n;
  }

  /** When the primary was first seen past this position; undefined when it was not. */
  passedAt(lsn: Lsn): number | undefined {
    return this.#samples.find((sample) => sample.lsn > lsn)?.at;
  }

  clear(): void {
    this.#samples = [];
  }

  /** Drops every second one of the older half: the newest, which are asked for, stay whole. */
  #thin(): void {
    const half = Math.floor(this.#samples.length / 2);
    this.#samples = this.#samples.filter((_, index) => index >= half || index % 2 === 0);
  }
}
