/**
 * A limit on resources held at a time: connections, rows, bytes. Above half of it, an identity that holds something
 * gets no more than its share, so that one identity fills at most half. One that holds nothing is never refused for
 * its share. Amounts are integers, so the sums are exact.
 */

/** Identities counted separately; about 150 bytes each. */
const MAX_IDENTITIES = 100_000;

export interface Refusal {
  readonly where: 'instance' | 'share';
  readonly wanted: number;
  readonly limit: number;
}

export class SharedLimit {
  readonly limit: number;
  readonly share: number;
  /** Half of the limit, rounded up: of three places, one identity may have two. */
  readonly #half: number;
  readonly #maxIdentities: number;
  /** The amount that each identity holds, always more than 0. */
  readonly #held = new Map<string, number>();
  /**
   * Identities that came while #held was full. While this is not 0, new ones are counted here as well, so that an
   * amount is subtracted where it was added.
   */
  #untold = 0;
  #used = 0;
  #refusedTotal = 0;

  /** Identities beyond `maxIdentities` are counted without a share. */
  constructor(limit: number, sharePercent: number, maxIdentities = MAX_IDENTITIES) {
    this.limit = limit;
    this.#half = Math.ceil(limit / 2);
    this.share = Math.max(1, Math.floor((limit * sharePercent) / 100));
    this.#maxIdentities = maxIdentities;
  }

  get used(): number {
    return this.#used;
  }

  get identities(): number {
    return this.#held.size;
  }

  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  usedBy(identity: string): number {
    return this.#held.get(identity) ?? 0;
  }

  refuses(identity: string, amount = 1): Refusal | undefined {
    if (amount === 0) return undefined;
    const used = this.#used + amount;
    if (used > this.limit) return { where: 'instance', wanted: used, limit: this.limit };
    if (used <= this.#half) return undefined;
    const held = this.#held.get(identity);
    if (held === undefined || held + amount <= this.share) return undefined;
    return { where: 'share', wanted: held + amount, limit: this.share };
  }

  take(identity: string, amount = 1): Refusal | undefined {
    const refusal = this.refuses(identity, amount);
    if (refusal === undefined) this.add(identity, amount);
    else this.#refusedTotal += 1;
    return refusal;
  }

  /** Does not check: the amount exists already, or `refuses` was called for it. */
  add(identity: string, amount = 1): void {
    if (amount === 0) return;
    this.#used += amount;
    const held = this.#held.get(identity);
    if (held !== undefined) this.#held.set(identity, held + amount);
    else if (this.#untold === 0 && this.#held.size < this.#maxIdentities) this.#held.set(identity, amount);
    else this.#untold += amount;
  }

  /** A larger amount than was taken is a bug of the caller and must not create room. */
  give(identity: string, amount = 1): void {
    const held = this.#held.get(identity);
    const given = Math.min(amount, held ?? this.#untold);
    this.#used -= given;
    if (held === undefined) this.#untold -= given;
    else if (held > given) this.#held.set(identity, held - given);
    else this.#held.delete(identity);
  }

  move(from: string, to: string, amount = 1): Refusal | undefined {
    this.give(from, amount);
    const refusal = this.take(to, amount);
    if (refusal !== undefined) this.add(from, amount);
    return refusal;
  }

  /** An amount in `used` that belongs to no identity stays until the next reset. */
  reset(used: number, amounts: Iterable<readonly [identity: string, amount: number]>): void {
    this.#used = used;
    this.#untold = 0;
    this.#held.clear();
    for (const [identity, amount] of amounts) {
      if (amount > 0 && this.#held.size < this.#maxIdentities) this.#held.set(identity, amount);
    }
  }
}
