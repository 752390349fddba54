/** A table that policies of followed tables read: who reads it, what of its changes concerns whom, and how far that is known. */
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

/** A class of rights that the table matters to. */
export interface Reader {
  group: RlsGroup;
  required: readonly RequiredValue[] | undefined;
}

/** What Postgres's statistics say has been done to a table, as texts to compare. */
export interface Counters {
  updates: string;
  /** Of rows that came or went. */
  others: string;
}

/** All that is kept of a change that came. */
export interface Mark {
  sequence: number;
  lsn: Lsn;
  xid: number;
}

/** Why a reader's subscribers may not hold what they would be shown now. */
export interface Cause {
  /** Transactions that changed the table, oldest first. */
  marks: Mark[];
  /** The statistics were found to have moved at this time, ms since 1970; undefined where only envelopes are the cause. */
  at: number | undefined;
}

/** Changes that are remembered for one reader until it is told; past that, whoever began before now is told. */
const MAX_MARKS = 1_000;

export class WatchedTable {
  readonly read: TableRead;
  readonly #index = new EqualityIndex<Reader>();
  readonly readers = new Map<RlsGroup, Reader>();
  due = new Map<Reader, Cause>();
  /** Whose snapshot was still being taken when the others were told. */
  later: { subscription: Subscription; cause: Cause }[] = [];
  /** Came through the feed, and are not known to be visible on the primary yet: a commit is in the WAL before that. */
  #unsettled: Mark[] = [];
  /** Whoever reads the table has to read it as it was here, or later. */
  floor: Lsn = 0n;
  /** The statistics tell of no change behind this; undefined before they were looked at. */
  unchangedSince: Lsn | undefined;
  /** When that was found, ms since 1970. */
  unchangedAt = 0;
  #counters: Counters | undefined;
  #digest: string | undefined;
  /** Updates were counted that may or may not have changed what is read. */
  hasUpdates = false;
  /** Before this time, ms since 1970, that is not looked at: it must take no more than a twentieth of the time. */
  digestAt = 0;
  /** Before this time, ms since 1970, nobody is told again. */
  restsUntil = 0;
  timer: NodeJS.Timeout | undefined;
  isTelling = false;
  /** It is followed no longer, and tells nothing. */
  isForgotten = false;
  /** Since when nobody reads it, ms since 1970. */
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

  /** Whether somebody is due to be told because of it. */
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

  /** Those to whom a change in it may matter: all, where it cannot be read. */
  concerned(envelope: ChangeEnvelope): ReadonlySet<Reader> {
    try {
      return this.#index.concerned(envelope.body().changes.filter((change) => matters(change, this.read.names)));
    } catch {
      return new Set(this.#index.all());
    }
  }

  /** Every reader is due. */
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

  /** @returns what the statistics say has been done to the table since they were looked at */
  looked(counters: Counters, lsn: Lsn): 'nothing' | 'updates' | 'others' {
    const before = this.isCounted ? this.#counters : undefined;
    const hasOthers = before !== undefined && before.others !== counters.others;
    // Where no column of it is read, only which rows there are can matter.
    const hasUpdates = before !== undefined && before.updates !== counters.updates && this.read.names.length > 0;
    if (hasOthers || hasUpdates || this.unchangedSince === undefined) {
      this.unchangedSince = lsn;
      this.unchangedAt = Date.now();
      this.floor = lsn;
    }
    this.#counters = counters;
    return hasOthers ? 'others' : hasUpdates ? 'updates' : 'nothing';
  }

  /**
   * Whether it may have changed for the class behind `lsn`, or before that but so late that the class may not have been told.
   * @param recent all of its changes behind `lsn`, and others
   */
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

  /** @returns whether the columns that are read are others than at the last time; they are if that is not known */
  digested(digest: string | undefined, lsn: Lsn): boolean {
    const isSame = digest !== undefined && digest === this.#digest;
    this.#digest = digest;
    // Who comes from now on must not have less than what was digested.
    if (lsn > this.floor) this.floor = lsn;
    return !isSame;
  }

  /** What this snapshot of the primary shows is settled. */
  settle(visibility: SnapshotVisibility): void {
    const before = this.#unsettled.length;
    this.#unsettled = this.#unsettled.filter((mark) => seenThrough(visibility, mark) !== 'all');
    if (this.#unsettled.length < before && visibility.until > this.floor) this.floor = visibility.until;
  }

  /** Something came that a look at the primary settles. */
  get isUnsettled(): boolean {
    return this.#unsettled.length > 0;
  }

  /** Whether all that came up to this sequence is visible on the primary. */
  isSettled(sequence: number): boolean {
    return this.unchangedSince !== undefined && this.#unsettled.every((mark) => mark.sequence > sequence);
  }
}

const markOf = ({ sequence, lsn, xid }: ChangeEnvelope): Mark => ({ sequence, lsn, xid });

/** A snapshot that is shared with whoever comes may have been taken before the change. */
function forgetShared({ group }: Reader): void {
  for (const topic of group.topics) topic.shared = undefined;
}

/** An update of columns that no policy reads does not matter, where both values are known. */
function matters({ type, row, before }: RowChange, names: readonly string[]): boolean {
  if (type !== 'update' || !row || !before) return true;
  return names.some((name) => row.column(name) === undefined || !isSame(row, before, name));
}

/** JSON alone does not tell each value from every other. */
function isSame(row: RowImage, before: RowImage, name: string): boolean {
  if (row.column(name) !== before.column(name)) return false;
  const areKnown = row.hasTexts([name]) && before.hasTexts([name]);
  return !areKnown || row.postgresText(name) === before.postgresText(name);
}
