/** A table that policies read, the RLS groups that it matters to, and the changes that they must still learn of. */
import type { Lsn } from '@tidemark/contracts';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { RowImage } from '../changes/row-image.ts';
import type { RequiredValue } from '../policies/claim-equality.ts';
import type { TableRead } from '../policies/tables-read.ts';
import { EqualityIndex } from '../query/equality-index.ts';
import type { RlsGroup } from '../rls/rls-group.ts';
import { requiredTerms } from '../rls/rls-group-key.ts';
import { type SnapshotVisibility, seenThrough } from '../snapshots/snapshot-visibility.ts';
import type { Subscription } from '../topics/subscription.ts';

export interface Reader {
  group: RlsGroup;
  required: readonly RequiredValue[] | undefined;
}

export interface Counters {
  updates: string;
  /** Inserts, deletes and the file number. */
  others: string;
}

export interface Mark {
  sequence: number;
  lsn: Lsn;
  xid: number;
}

export interface Cause {
  /** Transactions that changed the table, oldest first. */
  marks: Mark[];
  /** Time at which the statistics had moved, ms since 1970; undefined where only envelopes are the cause. */
  at: number | undefined;
}

/** Changes remembered for one reader; with more, all subscriptions that began before now are resynced. */
const MAX_MARKS = 1_000;

export class WatchedTable {
  readonly read: TableRead;
  readonly #index = new EqualityIndex<Reader>();
  readonly readers = new Map<RlsGroup, Reader>();
  due = new Map<Reader, Cause>();
  /** Subscriptions whose snapshot was being taken when the others were resynced. */
  later: { subscription: Subscription; cause: Cause }[] = [];
  /** Changes that may not be visible on the primary yet: a commit is in the WAL before it is visible. */
  #unsettled: Mark[] = [];
  /** Position from which on readers of the table must read. */
  floor: Lsn = 0n;
  /** Position since which the statistics have not moved; undefined before they were read. */
  unchangedSince: Lsn | undefined;
  /** Time of that read, ms since 1970. */
  unchangedAt = 0;
  #counters: Counters | undefined;
  #digest: string | undefined;
  /** Updates were counted, of which only a digest tells whether they matter. */
  hasUpdates = false;
  /** Earliest time of the next digest, ms since 1970: digests take at most a twentieth of the time. */
  digestAt = 0;
  /** Earliest time of the next resyncs, ms since 1970. */
  restsUntil = 0;
  timer: NodeJS.Timeout | undefined;
  isTelling = false;
  isForgotten = false;
  /** Time at which the last reader left, ms since 1970. */
  idleSince = 0;

  constructor(read: TableRead, recent: readonly ChangeEnvelope[]) {
    this.read = read;
    this.#unsettled = recent.map(markOf);
  }

  get isCounted(): boolean {
    return this.read.counted.length > 0;
  }

  add(reader: Reader): void {
    this.readers.set(reader.group, reader);
    this.#index.add(reader, requiredTerms(reader.required));
  }

  delete(group: RlsGroup): void {
    const reader = this.readers.get(group);
    if (!reader) return;
    this.readers.delete(group);
    this.#index.delete(reader);
    this.due.delete(reader);
    if (this.readers.size === 0) this.idleSince = Date.now();
  }

  receive(envelope: ChangeEnvelope): boolean {
    const mark = markOf(envelope);
    this.#unsettled.push(mark);
    const concerned = this.concerned(envelope);
    for (const reader of concerned) {
      const cause = this.#causeOf(reader);
      if (cause.marks.length < MAX_MARKS) cause.marks.push(mark);
      else cause.at = Date.now();
    }
    return concerned.size > 0;
  }

  /** Returns the readers that an envelope may concern: all, where it cannot be parsed. */
  concerned(envelope: ChangeEnvelope): ReadonlySet<Reader> {
    try {
      return this.#index.concerned(envelope.body().changes.filter((change) => matters(change, this.read.names)));
    } catch {
      return new Set(this.#index.all());
    }
  }

  markAll(at: number): void {
    for (const reader of this.readers.values()) {
      this.#causeOf(reader).at = at;
      forgetShared(reader);
    }
  }

  #causeOf(reader: Reader): Cause {
    let cause = this.due.get(reader);
    if (!cause) {
      cause = { marks: [], at: undefined };
      this.due.set(reader, cause);
      forgetShared(reader);
    }
    return cause;
  }

  looked(counters: Counters, lsn: Lsn): 'nothing' | 'updates' | 'others' {
    const before = this.isCounted ? this.#counters : undefined;
    const hasOthers = before !== undefined && before.others !== counters.others;
    // Where the policies read no column, updates cannot matter.
    const hasUpdates = before !== undefined && before.updates !== counters.updates && this.read.names.length > 0;
    if (hasOthers || hasUpdates || this.unchangedSince === undefined) {
      this.unchangedSince = lsn;
      this.unchangedAt = Date.now();
      this.floor = lsn;
    }
    this.#counters = counters;
    return hasOthers ? 'others' : hasUpdates ? 'updates' : 'nothing';
  }

  /** A change so late before `lsn` that the client may have missed the resync counts, too. */
  mayHaveChanged(
    group: RlsGroup,
    { lsn, toldBefore }: { lsn: Lsn; toldBefore: number },
    recent: readonly ChangeEnvelope[],
  ): boolean {
    const { unchangedSince } = this;
    if (this.isCounted && (unchangedSince === undefined || unchangedSince > lsn || this.unchangedAt > toldBefore))
      return true;
    const reader = this.readers.get(group);
    const isBehind = (envelope: ChangeEnvelope) => envelope.lsn > lsn || envelope.receivedAt > toldBefore;
    return recent.some((envelope) => reader && isBehind(envelope) && this.concerned(envelope).has(reader));
  }

  digested(digest: string | undefined, lsn: Lsn): boolean {
    const isSame = digest !== undefined && digest === this.#digest;
    this.#digest = digest;
    // New subscriptions must not read an older state than the digest.
    if (lsn > this.floor) this.floor = lsn;
    return !isSame;
  }

  settle(visibility: SnapshotVisibility): void {
    const before = this.#unsettled.length;
    this.#unsettled = this.#unsettled.filter((mark) => seenThrough(visibility, mark) !== 'all');
    if (this.#unsettled.length < before && visibility.until > this.floor) this.floor = visibility.until;
  }

  get isUnsettled(): boolean {
    return this.#unsettled.length > 0;
  }

  isSettled(sequence: number): boolean {
    return this.unchangedSince !== undefined && this.#unsettled.every((mark) => mark.sequence > sequence);
  }
}

const markOf = ({ sequence, lsn, xid }: ChangeEnvelope): Mark => ({ sequence, lsn, xid });

/** Drops the shared snapshots, which may have been taken before the change. */
function forgetShared({ group }: Reader): void {
  for (const topic of group.topics) topic.shared = undefined;
}

/** Returns false for an update of columns that no policy reads. */
function matters({ type, row, before }: RowChange, names: readonly string[]): boolean {
  if (type !== 'update' || !row || !before) return true;
  return names.some((name) => row.column(name) === undefined || !isSame(row, before, name));
}

/** Compares Postgres's texts as well, since different values may have equal JSON. */
function isSame(row: RowImage, before: RowImage, name: string): boolean {
  if (row.column(name) !== before.column(name)) return false;
  const areKnown = row.hasTexts([name]) && before.hasTexts([name]);
  return !areKnown || row.postgresText(name) === before.postgresText(name);
}
