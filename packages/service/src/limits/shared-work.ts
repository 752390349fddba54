/**
 * The work that identities have caused lately, in ms of whatever does it: for each a sum that decays, to 1/e within DECAY_MS. An
 * identity that causes `perSecond` ms of work steadily comes to perSecond × DECAY_MS / 1,000.
 *
 * An identity is over its share where its sum is over what it may cause, and is a good part of the work of all, and there are others
 * to do work for. So who is alone is held to nothing, and those who suffer from somebody else's work (theirs takes longer then)
 * are not taken for the cause of it.
 */
export const DECAY_MS = 10_000;
/** Of the work of all: the part from which one identity is held to its share. */
const GOOD_PART = 0.25;
/** Work of others that counts as such: one short request in the last DECAY_MS. */
const OTHERS_MS = 0.1;

interface Sum {
  ms: number;
  at: number;
}

export class SharedWork {
  readonly #most: number;
  /** The one that was silent longest first. */
  readonly #sums = new Map<string, Sum>();
  readonly #all: Sum = { ms: 0, at: 0 };

  /** @param most identities told apart; the one that was silent longest starts afresh */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#sums.size;
  }

  /** `ms` below 0 takes back what was added too much. */
  add(identity: string, ms: number, now: number): void {
    const known = this.#sums.get(identity);
    const before = known === undefined ? 0 : msAt(known, now);
    const after = Math.max(0, before + ms);
    this.#sums.delete(identity);
    if (known === undefined && this.#sums.size >= this.#most) {
      const [silent] = this.#sums.keys();
      this.#sums.delete(silent as string);
    }
    this.#sums.set(identity, { ms: after, at: now });
    this.#all.ms = Math.max(after, msAt(this.#all, now) + after - before);
    this.#all.at = now;
  }

  of(identity: string, now: number): number {
    const sum = this.#sums.get(identity);
    return sum === undefined ? 0 : msAt(sum, now);
  }

  /** ms until the identity is no longer over its share of `perSecond` ms a second; 0 where it is not. */
  waitMs(identity: string, perSecond: number, now: number): number {
    const own = this.of(identity, now);
    const limit = (perSecond * DECAY_MS) / 1_000;
    if (own <= limit) return 0;
    const all = msAt(this.#all, now);
    if (own < all * GOOD_PART || all - own < OTHERS_MS) return 0;
    return DECAY_MS * Math.log(own / limit);
  }
}

const msAt = ({ ms, at }: Sum, now: number): number => ms * Math.exp((at - now) / DECAY_MS);
