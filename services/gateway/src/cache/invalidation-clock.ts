/**
 * The WAL positions up to which the cache knows the changes and the schema. Pure: no I/O.
 *
 *   epoch        the epoch of the stream of changes; another epoch is another history
 *   published H  every change up to H has been received
 *   known P      the schema is known to have been the same up to P
 *   floor        changes before it may have been missed; only reads at or after it are kept
 *   changed[t]   the end of the last transaction that changed table t
 *
 *   absent ──heartbeat──► following ──gap, epoch──► absent
 *   unknown ──schema loaded──► known ──schema changed──► unknown
 *
 * An entry that no change has dropped is valid up to `validTo` = min(H, P).
 */
import type { Lsn } from '@tidemark/contracts';

/** Tables whose last change is kept. Beyond them the list is cleared, and the floor rises. */
export const MAX_TABLES = 10_000;

export class InvalidationClock {
  epoch: string | undefined;
  /** Increases whenever everything must be dropped: reads that began before are not kept. */
  generation = 0;
  #streamFloor: Lsn | undefined;
  #schemaFloor: Lsn | undefined;
  #published: Lsn = 0n;
  #known: Lsn = 0n;
  #furthest: Lsn = 0n;
  readonly #changed = new Map<string, Lsn>();
  #validTo: Lsn | undefined;

  get validTo(): Lsn | undefined {
    return this.#validTo;
  }

  get published(): Lsn {
    return this.#published;
  }

  get isFollowing(): boolean {
    return this.#streamFloor !== undefined;
  }

  get hasSchema(): boolean {
    return this.#schemaFloor !== undefined;
  }

  get floor(): Lsn {
    return later(this.#streamFloor ?? 0n, this.#schemaFloor ?? 0n);
  }

  /** `before` is the end of the last transaction with an envelope before this heartbeat; it may be later than `lsn`. */
  heartbeat(epoch: string, lsn: Lsn, before: Lsn): void {
    if (epoch !== this.epoch) this.#begin(epoch);
    this.#streamFloor ??= later(later(lsn, before), this.#furthest);
    this.#published = later(this.#published, lsn);
    this.#settle();
  }

  change(epoch: string, table: string, lsn: Lsn): void {
    if (epoch !== this.epoch) this.#begin(epoch);
    this.#furthest = later(this.#furthest, lsn);
    // The transaction may have more envelopes, so only those that ended before it are complete.
    if (this.isFollowing) this.#published = later(this.#published, lsn - 1n);
    this.noteChange(table, lsn);
  }

  /** Notes a change from the stream, or from a write of this gateway, which it knows sooner. */
  noteChange(table: string, lsn: Lsn): void {
    if (!this.#changed.has(table) && this.#changed.size >= MAX_TABLES) {
      for (const changed of this.#changed.values()) this.#furthest = later(this.#furthest, changed);
      if (this.#streamFloor !== undefined) this.#streamFloor = later(this.#streamFloor, this.#furthest);
      this.#changed.clear();
    }
    this.#changed.set(table, later(this.#changed.get(table) ?? 0n, lsn));
    this.#settle();
  }

  /** Call it when changes may have been missed. */
  lose(): void {
    this.#begin(undefined);
  }

  /** Call it when the schema may have changed since it was loaded. */
  loseSchema(): void {
    this.generation += 1;
    this.#schemaFloor = undefined;
    this.#known = 0n;
    this.#settle();
  }

  /** Records that a schema was loaded; all of it was committed at or before `floor`. */
  loadSchema(floor: Lsn): void {
    this.generation += 1;
    this.#schemaFloor = floor;
    this.#settle();
  }

  /** The loaded schema was still the same at `lsn`. */
  confirmSchema(lsn: Lsn): void {
    if (this.#schemaFloor !== undefined) this.#known = later(this.#known, lsn);
    this.#settle();
  }

  /** Whether rows that include every transaction up to `proven` may be kept: none of the tables has changed since. */
  admits(epoch: string, proven: Lsn, tables: Iterable<string>): boolean {
    if (epoch !== this.epoch || this.validTo === undefined || proven < this.floor) return false;
    for (const table of tables) if ((this.#changed.get(table) ?? 0n) > proven) return false;
    return true;
  }

  #begin(epoch: string | undefined): void {
    this.generation += 1;
    this.epoch = epoch;
    this.#streamFloor = undefined;
    this.#schemaFloor = undefined;
    this.#known = 0n;
    this.#published = 0n;
    this.#furthest = 0n;
    this.#changed.clear();
    this.#settle();
  }

  /** Computed at each move, a few times a second, since each hit reads it. */
  #settle(): void {
    const to = earlier(this.#published, this.#known);
    const isKnown = this.#streamFloor !== undefined && this.#schemaFloor !== undefined;
    this.#validTo = isKnown && to >= this.floor ? to : undefined;
  }
}

/** Math.max and Math.min do not accept bigint. */
export function later(a: Lsn, b: Lsn): Lsn {
  if (a > b) return a;
  return b;
}

function earlier(a: Lsn, b: Lsn): Lsn {
  if (a < b) return a;
  return b;
}
