/**
 * An amount (steps, bytes, places) that all identities share. While less than half of the limit is in use, nobody is held to a
 * share; beyond it, an identity gets no more than its share allows. So one identity can fill half, and never all of it.
 */
export class SharedBudget {
  readonly limit: number;
  readonly share: number;
  /** Identities that hold something, at most as many as hold one unit each. */
  readonly #held = new Map<string, number>();
  #total = 0;
  #refusedTotal = 0;

  constructor(limit: number, sharePercent: number) {
    this.limit = limit;
    this.share = Math.max(1, Math.floor((limit * sharePercent) / 100));
  }

  /** In use, by all identities. */
  get total(): number {
    return this.#total;
  }

  get refusedTotal(): number {
    return this.#refusedTotal;
  }

  held(identity: string): number {
    return this.#held.get(identity) ?? 0;
  }

  /** Whose limit `amount` more would exceed, and what that would then have; undefined where there is room. */
  refuses(identity: string, amount: number): Refusal | undefined {
    const own = this.held(identity) + amount;
    const total = this.#total + amount;
    if (total > this.limit) return { where: 'instance', wanted: total, limit: this.limit };
    if (total > this.limit / 2 && own > this.share) return { where: 'identity', wanted: own, limit: this.share };
    return undefined;
  }

  /** Takes `amount` more, unless that is refused. */
  take(identity: string, amount: number): Refusal | undefined {
    const refusal = this.refuses(identity, amount);
    if (refusal) this.#refusedTotal += 1;
    else this.#set(identity, this.held(identity) + amount, this.#total + amount);
    return refusal;
  }

  /** Gives back what was taken. */
  give(identity: string, amount: number): void {
    this.#set(identity, this.held(identity) - amount, this.#total - amount);
  }

  #set(identity: string, own: number, total: number): void {
    this.#total = total;
    if (own > 0) this.#held.set(identity, own);
    else this.#held.delete(identity);
  }
}

export interface Refusal {
  where: 'instance' | 'identity';
  wanted: number;
  limit: number;
}
