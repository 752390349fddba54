/**
 * Counts the connections of a pool by identity, and decides which identity may have one more.
 *
 *   holds less than its share   may have any free connection
 *   holds its share or more     may have one while all such identities together leave the reserve alone
 *
 * One identity alone may use the pool except the reserve. A new identity gets a connection without waiting for the statements of
 * others, while fewer new identities than the reserve are being served. Where the measured limit of the pool is below its size, the
 * reserve comes on top of the limit, as far as large identities fill it. The service's own statements have no key and no reserve.
 */

const SHARE = 0.05;
/** The reserve, as a part of the pool: an identity that is alone cannot use it. */
const RESERVE = 0.1;
const RESERVE_FROM = 4;

export class ConnectionShares {
  readonly share: number;
  readonly reserve: number;
  readonly #max: number;
  readonly #held = new Map<string, number>();
  #taken = 0;
  #own = 0;
  #large = 0;

  constructor(max: number) {
    this.#max = max;
    this.share = Math.max(1, Math.floor(max * SHARE));
    this.reserve = max < RESERVE_FROM ? 0 : Math.max(1, Math.floor(max * RESERVE));
  }

  get taken(): number {
    return this.#taken;
  }

  held(key: string | undefined): number {
    return key === undefined ? 0 : (this.#held.get(key) ?? 0);
  }

  isBelowShare(key: string | undefined): boolean {
    return key !== undefined && this.held(key) < this.share;
  }

  maxInUse(allowed: number): number {
    return Math.min(this.#max, allowed + Math.min(this.reserve, this.#large));
  }

  mayTake(key: string | undefined, allowed: number): boolean {
    if (this.#taken >= this.maxInUse(allowed)) return false;
    if (key === undefined) return this.#own < allowed;
    const held = this.held(key);
    if (held < this.share) return true;
    const added = held === this.share ? held + 1 : 1;
    return this.#large + added <= Math.min(allowed, this.#max - this.reserve);
  }

  take(key: string | undefined): void {
    this.#taken++;
    if (key === undefined) this.#own++;
    else this.#set(key, this.held(key) + 1);
  }

  give(key: string | undefined): void {
    this.#taken--;
    if (key === undefined) this.#own--;
    else this.#set(key, this.held(key) - 1);
  }

  #set(key: string, held: number): void {
    this.#large += this.#largeOf(held) - this.#largeOf(this.held(key));
    if (held > 0) this.#held.set(key, held);
    else this.#held.delete(key);
  }

  #largeOf(held: number): number {
    return held > this.share ? held : 0;
  }
}
