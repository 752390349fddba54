/**
 * The sum of an identity's work, in ms, decays to 1/e within DECAY_MS. An identity exceeds its share if its sum
 * exceeds what it may cause, is a large part of all work, and others have work too. So a single identity is never
 * limited, and identities slowed down by another one (their work takes longer) do not count as the cause.
 */
import { LRUCache } from 'lru-cache';

export const DECAY_MS = 10_000;
const GOOD_PART = 0.25;
/** Work of others above which they count: one short request in the last DECAY_MS. */
const OTHERS_MS = 0.1;

interface Sum {
  ms: number;
  at: number;
}

export class SharedWork {
  readonly #sums: LRUCache<string, Sum>;
  readonly #all: Sum = { ms: 0, at: 0 };

  /** The least recently used of `max` identities starts again at 0. */
  constructor(max: number) {
    // As `max`, the library would reserve the memory of all of them, 3 MB for 100,000.
    this.#sums = new LRUCache({ maxSize: max, sizeCalculation: () => 1 });
  }

  get size(): number {
    return this.#sums.size;
  }

  /** A negative `ms` takes back an amount that was added in excess. */
  add(identity: string, ms: number, now: number): void {
    const known = this.#sums.get(identity);
    const before = known === undefined ? 0 : msAt(known, now);
    const after = Math.max(0, before + ms);
    if (known === undefined) this.#sums.set(identity, { ms: after, at: now });
    else {
      known.ms = after;
      known.at = now;
    }
    this.#all.ms = Math.max(after, msAt(this.#all, now) + after - before);
    this.#all.at = now;
  }

  of(identity: string, now: number): number {
    const sum = this.#sums.peek(identity);
    return sum === undefined ? 0 : msAt(sum, now);
  }

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
