/**
 * Which identity holds how many connections of a pool, and which may have one more.
 *
 *   holds less than its share   may have any connection that is free
 *   holds its share or more     may have one while all such identities together leave the reserve alone
 *
 * So one identity alone may use the pool but for the reserve, and a newcomer gets a connection without waiting for the statements of
 * somebody else, however long these are, as long as fewer newcomers than the reserve are being served. Where the pool has
 * found that the server can do less than its size, the reserve comes on top of that, as far as such identities fill it.
 * The service's own statements have no key, and no reserve is kept from them.
 */

/** Part of the pool that is the share of one identity. */
const SHARE = 0.05;
/** Part of the pool that is the reserve: what an identity that is alone has to do without. */
const RESERVE = 0.1;
/** A smaller pool has none: one connection of three would be too much. */
const RESERVE_FROM = 4;

export class ConnectionShares {
  /** Connections. */
  readonly share: number;
  readonly reserve: number;
  readonly #max: number;
  /** More than 0 each. */
  readonly #held = new Map<string, number>();
  #taken = 0;
  /** Connections of the service itself. */
  #own = 0;
  /** All connections of the identities that hold more than their share. */
  #large = 0;

  constructor(max: number) {
    this.#max = max;
    this.share = Math.max(1, Math.floor(max * SHARE));
    this.reserve = max < RESERVE_FROM ? 0 : Math.max(1, Math.floor(max * RESERVE));
  }

  /** Connections handed out. */
  get taken(): number {
    return this.#taken;
  }

  held(key: string | undefined): number {
    return key === undefined ? 0 : (this.#held.get(key) ?? 0);
  }

  isBelowShare(key: string | undefined): boolean {
    return key !== undefined && this.held(key) < this.share;
  }

  /** Connections that may be in use, where the pool has measured that `allowed` may be. */
  most(allowed: number): number {
    return Math.min(this.#max, allowed + Math.min(this.reserve, this.#large));
  }

  mayTake(key: string | undefined, allowed: number): boolean {
    if (this.#taken >= this.most(allowed)) return false;
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
