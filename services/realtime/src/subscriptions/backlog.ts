/** A place in the envelopes of a table, and how to get on from there: from the ring, or where that has moved on, out of JetStream. */
import type { Lsn } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';

export interface BacklogOptions {
  feed: Feed;
  history: History;
  schema: string;
  table: string;
  tableKey: string;
  /** The key that the reader's shares are counted under. */
  holder: string;
}

/** Envelopes that are looked at in one go. */
const BATCH = 500;
/** The ring may move on while JetStream is read; a subscriber that does not catch up in so many rounds never will. */
const MAX_ROUNDS = 10;
const JUST_BEGUN = { reason: 'this instance has just begun to follow the changes' };

export class Backlog {
  #options: BacklogOptions;
  #sequence: number;
  #lsn: Lsn;
  #rounds = 0;
  #release: (() => void) | undefined;

  /** @param at `sequence`: the last envelope before it; -1 where only the position is known */
  constructor(options: BacklogOptions, at: { sequence: number; lsn: Lsn }) {
    this.#options = options;
    this.#sequence = at.sequence;
    this.#lsn = at.lsn;
  }

  /** @param whole all of the transaction that ends at `lsn` is before it; else some of it may be behind */
  static behind(options: BacklogOptions, lsn: Lsn, whole: boolean): Backlog {
    const { floor } = options.feed.ring;
    const isCovered = floor && (floor.lsn < lsn || (floor.lsn === lsn && whole));
    return new Backlog(options, { sequence: isCovered ? floor.sequence : -1, lsn });
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** The next few, up to this sequence; none: it is there. Undefined where the ring has moved on. */
  next(upTo: number): ChangeEnvelope[] | undefined {
    const { feed, tableKey } = this.#options;
    const waiting = this.#sequence < 0 ? undefined : feed.ring.since(tableKey, this.#sequence);
    const next = waiting?.slice(0, BATCH).filter(({ sequence }) => sequence <= upTo);
    const last = next?.at(-1);
    if (last) {
      this.#sequence = last.sequence;
      this.#lsn = last.lsn;
    }
    return next;
  }

  /** What `readOlder` gave is no longer held. */
  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** What the ring no longer has, to be released once it is sent on. */
  async readOlder(): Promise<ChangeEnvelope[] | { reason: string }> {
    const { feed, history, schema, table, holder } = this.#options;
    this.release();
    this.#rounds += 1;
    if (this.#rounds > MAX_ROUNDS) return { reason: 'the changes came faster than they could be caught up with' };
    const epoch = feed.epoch();
    const { floor } = feed.ring;
    if (epoch === undefined || !floor) return JUST_BEGUN;
    const after = this.#sequence;
    const read = await history.read({ schema, table, epoch, from: this.#lsn, to: floor.sequence, holder });
    if (read.kind === 'gone') return read;
    this.#release = read.release;
    this.#sequence = floor.sequence;
    this.#lsn = floor.lsn;
    return read.envelopes.filter(({ sequence }) => sequence > after);
  }
}
