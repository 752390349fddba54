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
  holder: string;
}

const BATCH = 500;
/** The ring may move on during each read. A subscriber that needs more of them never catches up. */
const MAX_ROUNDS = 10;
const JUST_BEGUN = { reason: 'this instance has just begun to follow the changes' };

export class Backlog {
  #options: BacklogOptions;
  #sequence: number;
  #lsn: Lsn;
  #rounds = 0;
  #release: (() => void) | undefined;

  /** @param at `sequence` of the last envelope before the place; -1 where only the position is known */
  constructor(options: BacklogOptions, at: { sequence: number; lsn: Lsn }) {
    this.#options = options;
    this.#sequence = at.sequence;
    this.#lsn = at.lsn;
  }

  /** `whole` says that the place is after the whole transaction that ends at `lsn`, and not inside it. */
  static behind(options: BacklogOptions, lsn: Lsn, whole: boolean): Backlog {
    const { floor } = options.feed.ring;
    const isCovered = floor && (floor.lsn < lsn || (floor.lsn === lsn && whole));
    return new Backlog(options, { sequence: isCovered ? floor.sequence : -1, lsn });
  }

  get sequence(): number {
    return this.#sequence;
  }

  /** Returns none at its end; undefined where the ring no longer holds them. */
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

  release(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** The caller releases the envelopes once they are sent. */
  async readOlder(): Promise<ChangeEnvelope[] | { reason: string }> {
    const { feed, history, schema, table, holder } = this.#options;
    this.release();
    this.#rounds += 1;
    if (this.#rounds > MAX_ROUNDS) return { reason: 'the changes came faster than the subscription could catch up' };
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
