/**
 * Proves up to which position a read on the primary includes every transaction: a commit record can be flushed while
 * its transaction is not visible yet. A sample takes first the flushed position L, then N, the next xid. A
 * transaction with its commit record at or before L got its xid before N, so a read whose snapshot has xmin >= N sees
 * every transaction up to L. An open transaction that writes holds xmin back: understated, never overstated.
 */
import type { Lsn } from '@tidemark/contracts';

export interface SnapshotLsnSample {
  at: number;
  lsn: Lsn;
  nextXid: bigint;
}

/** At four a second: two minutes in full, and further back at half the density for each time that it filled up. */
const MAX_SAMPLES = 512;

export class SnapshotLsnTracker {
  /** The samples are in the order of their time, and therefore of both fields. */
  #samples: SnapshotLsnSample[] = [];

  get latest(): SnapshotLsnSample | undefined {
    return this.#samples.at(-1);
  }

  get size(): number {
    return this.#samples.length;
  }

  add(sample: SnapshotLsnSample): void {
    const last = this.#samples.at(-1);
    // A lower position: another timeline, or a server restored to an earlier point, for which the samples do not hold.
    if (last !== undefined && (sample.lsn < last.lsn || sample.nextXid < last.nextXid)) this.#samples = [];
    // An earlier sample proves the same position for older snapshots as well.
    else if (last !== undefined && sample.lsn === last.lsn) return;
    this.#samples.push(sample);
    if (this.#samples.length > MAX_SAMPLES) this.#thin();
  }

  /** The newest position that a snapshot with this xmin reflects; 0 when none is known. */
  provenBy(xmin: bigint): Lsn {
    const index = this.#samples.findLastIndex((sample) => sample.nextXid <= xmin);
    return this.#samples[index]?.lsn ?? 0n;
  }

  passedAt(lsn: Lsn): number | undefined {
    return this.#samples.find((sample) => sample.lsn > lsn)?.at;
  }

  clear(): void {
    this.#samples = [];
  }

  /** Drops every second sample of the older half; the newest, which are used most, stay. */
  #thin(): void {
    const half = Math.floor(this.#samples.length / 2);
    this.#samples = this.#samples.filter((_, index) => index >= half || index % 2 === 0);
  }
}
