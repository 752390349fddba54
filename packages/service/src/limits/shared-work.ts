/**
 * The work that identities caused recently, in ms: for each a sum that decays to 1/e within DECAY_MS. An identity that
 * steadily causes `perSecond` ms of work a second reaches perSecond × DECAY_MS / 1,000.
 *
 * An identity exceeds its share if its sum exceeds what it may cause, is a large part of all work, and other identities
 * have work too. A single identity is therefore never limited, and identities that are slowed down by the work of another
 * one (their work then takes longer) do not count as its cause.
 */
export const DECAY_MS = 10_000;
/** An identity is limited only if it causes at least this part of all work. */
const GOOD_PART = 0.25;
/** Work of others above which they count: one short request in the last DECAY_MS. */
const OTHERS_MS = 0.1;

interface Sum {
  ms: number;
  at: number;
}

export class SharedWork {
  readonly #most: number;
  /** Least recently used first. */
  readonly #sums = new Map<string, Sum>();
  readonly #all: Sum = { ms: 0, at: 0 };

  /** @param most identities counted separately; the least recently used one starts again at 0 */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#sums.size;
  }

  /** A negative `ms` takes back an amount that was added in excess. */
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

  /** Returns the ms until the identity is within its share of `perSecond` ms a second; 0 if it is. */
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
