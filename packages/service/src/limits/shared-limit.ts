/**
 * A limit that all identities share, on things held at a time: connections, rows that wait, bytes, steps. While no more than half of
 * the limit is in use, nobody is held to a share. Beyond it, an identity that holds something already gets no more than its share, so
 * that one of them fills half at most and the rest is there for the others. An identity that holds nothing is never refused for its
 * share, however small that is.
 *
 * Amounts are integers, so the sums are exact.
 */

/** Identities told apart by one limit; about 150 bytes each. */
const MAX_IDENTITIES = 100_000;

export interface Refusal {
  /** Which would be exceeded: the limit of the instance, or the identity's share of it. */
  readonly where: 'instance' | 'share';
  /** What would then be in use, by all identities or by this one. */
  readonly wanted: number;
  /** The limit, or the share. */
  readonly limit: number;
}

export class SharedLimit {
  readonly limit: number;
  readonly share: number;
  /** Half of the limit, rounded up: of three places, one identity may have two. */
  readonly #half: number;
  readonly #maxIdentities: number;
  /** What each identity holds, always more than 0. */
  readonly #held = new Map<string, number>();
  /**
   * Held by identities that came when as many as possible were told apart. While there are such, newcomers are counted here as well:
   * so each identity is either here or in #held with all that it has, and what is given back is subtracted where it was added.
   */
  #untold = 0;
  #used = 0;
  #refusedTotal = 0;

  /** `sharePercent`: of the limit, for one identity. Identities beyond `maxIdentities` are counted, and held to no share. */
  constructor(limit: number, sharePercent: number, maxIdentities = MAX_IDENTITIES) {
    this.limit = limit;
    this.#half = Math.ceil(limit / 2);
    this.share = Math.max(1, Math.floor((limit * sharePercent) / 100));
    this.#maxIdentities = maxIdentities;
  }

  /** In use, by all identities. */
  get used(): number {
    return this.#used;
  }

  /** Identities that are told apart at the moment. */
  get identities(): number {
    return this.#held.size;
  }

  /** Refusals of `take` and `move`. */
  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  usedBy(identity: string): number {
    return this.#held.get(identity) ?? 0;
  }

  /** Why `amount` more cannot be taken; undefined where it can. */
  refuses(identity: string, amount = 1): Refusal | undefined {
    if (amount === 0) return undefined;
    const used = this.#used + amount;
    if (used > this.limit) return { where: 'instance', wanted: used, limit: this.limit };
    if (used <= this.#half) return undefined;
    const held = this.#held.get(identity);
    if (held === undefined || held + amount <= this.share) return undefined;
    return { where: 'share', wanted: held + amount, limit: this.share };
  }

  /** Takes `amount` more, unless that is refused. */
  take(identity: string, amount = 1): Refusal | undefined {
    const refusal = this.refuses(identity, amount);
    if (refusal === undefined) this.add(identity, amount);
    else this.#refusedTotal += 1;
    return refusal;
  }

  /** Counts what is there already, or what `refuses` was asked about. */
  add(identity: string, amount = 1): void {
    if (amount === 0) return;
    this.#used += amount;
    const held = this.#held.get(identity);
    if (held !== undefined) this.#held.set(identity, held + amount);
    else if (this.#untold === 0 && this.#held.size < this.#maxIdentities) this.#held.set(identity, amount);
    else this.#untold += amount;
  }

  /** Gives back what was taken or added. More than that is a mistake of the caller, and must not make room that is not there. */
  give(identity: string, amount = 1): void {
    const held = this.#held.get(identity);
    const given = Math.min(amount, held ?? this.#untold);
    this.#used -= given;
    if (held === undefined) this.#untold -= given;
    else if (held > given) this.#held.set(identity, held - given);
    else this.#held.delete(identity);
  }

  /** Counts what `from` holds for `to` instead, unless that is refused. */
  move(from: string, to: string, amount = 1): Refusal | undefined {
    this.give(from, amount);
    const refusal = this.take(to, amount);
    if (refusal !== undefined) this.add(from, amount);
    return refusal;
  }

  /** Starts afresh from what was counted elsewhere. What is in `used` and in no identity's amount stays until the next reset. */
  reset(used: number, amounts: Iterable<readonly [identity: string, amount: number]>): void {
    this.#used = used;
    this.#untold = 0;
    this.#held.clear();
    for (const [identity, amount] of amounts) {
      if (amount > 0 && this.#held.size < this.#maxIdentities) this.#held.set(identity, amount);
    }
  }
}
