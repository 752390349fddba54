/**
 * What the cache knows of the clock, without any I/O:
 *
 *   epoch        of the stream of changes; another one breaks the history
 *   published H  every change up to H has been heard of
 *   known P      the schema is known to have been the same up to P
 *   floor        changes before it may have been missed; only fills from it on count
 *   changed[t]   the end of the last transaction that changed table t
 *
 *   absent ──heartbeat──► following ──gap, epoch──► absent
 *   unknown ──schema loaded──► known ──schema changed──► unknown
 *
 * An entry that nothing has dropped holds up to `validTo` = min(H, P).
 */
import type { Lsn } from '@tidemark/contracts';

/** Tables of which the last change is kept; more than that only make the floor rise. */
export const MAX_TABLES = 10_000;

export class InvalidationClock {
  epoch: string | undefined;
  /** Grows whenever everything is to be dropped: what was begun before does not count. */
  generation = 0;
  #streamFloor: Lsn | undefined;
  #schemaFloor: Lsn | undefined;
  #published: Lsn = 0n;
  #known: Lsn = 0n;
  #furthest: Lsn = 0n;
  readonly #changed = new Map<string, Lsn>();
  #validTo: Lsn | undefined;

  /** Undefined while nothing may be served. */
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

  /**
   * Everything up to `lsn` has been heard of. `before` is the end of the last transaction of which something was published
   * before this heartbeat, which may be a later one that was only half published.
   */
  heartbeat(epoch: string, lsn: Lsn, before: Lsn): void {
    if (epoch !== this.epoch) this.#begin(epoch);
    this.#streamFloor ??= later(later(lsn, before), this.#furthest);
    this.#published = later(this.#published, lsn);
    this.#settle();
  }

  change(epoch: string, table: string, lsn: Lsn): void {
    if (epoch !== this.epoch) this.#begin(epoch);
    this.#furthest = later(this.#furthest, lsn);
    // A transaction may have more envelopes, so only what ends before it is certain.
    if (this.isFollowing) this.#published = later(this.#published, lsn - 1n);
    this.noteChange(table, lsn);
  }

  /** From the stream, or from a write of our own, which is known sooner. */
  noteChange(table: string, lsn: Lsn): void {
    if (!this.#changed.has(table) && this.#changed.size >= MAX_TABLES) {
      for (const changed of this.#changed.values()) this.#furthest = later(this.#furthest, changed);
      if (this.#streamFloor !== undefined) this.#streamFloor = later(this.#streamFloor, this.#furthest);
      this.#changed.clear();
    }
    this.#changed.set(table, later(this.#changed.get(table) ?? 0n, lsn));
    this.#settle();
  }

  /** Changes may have been missed. */
  lose(): void {
    this.#begin(undefined);
  }

  /** The schema is not the one that was loaded any more, or may not be. */
  loseSchema(): void {
    this.generation += 1;
    this.#schemaFloor = undefined;
    this.#known = 0n;
    this.#settle();
  }

  /** A schema was loaded; whatever it shows was committed at or before `floor`. */
  loadSchema(floor: Lsn): void {
    this.generation += 1;
    this.#schemaFloor = floor;
    this.#settle();
  }

  /** The schema that was loaded was still the same at `lsn`. */
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
    // Positions of another epoch may be of another history.
    this.#schemaFloor = undefined;
    this.#known = 0n;
    this.#published = 0n;
    this.#furthest = 0n;
    this.#changed.clear();
    this.#settle();
  }

  /** After whatever moved: it is asked for with each hit, and moves a few times a second. */
  #settle(): void {
    const to = earlier(this.#published, this.#known);
    const isKnown = this.#streamFloor !== undefined && this.#schemaFloor !== undefined;
    this.#validTo = isKnown && to >= this.floor ? to : undefined;
  }
}

/** Math.max and Math.min take no bigint. */
export function later(a: Lsn, b: Lsn): Lsn {
  if (a > b) return a;
  return b;
}

function earlier(a: Lsn, b: Lsn): Lsn {
  if (a < b) return a;
  return b;
}
