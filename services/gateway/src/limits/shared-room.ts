/**
 * Room that many identities use: bounded in all, and for each identity once over half of it is taken, so that one cannot keep the
 * others out. While there is plenty, an identity may use more than its share.
 */

/** Identities that are told apart; what others take counts in all alone. About 150 bytes each. */
const MAX_IDENTITIES = 100_000;

export type Refusal = 'full' | 'share';

export class SharedRoom {
  readonly limit: number;
  /** Of the limit, for one identity. */
  readonly share: number;
  used = 0;
  readonly #byIdentity = new Map<string, number>();

  /** `percent`: of the limit, for one identity. */
  constructor(limit: number, percent: number) {
    this.limit = limit;
    this.share = (limit * percent) / 100;
  }

  /** Undefined where there is room for so much more. */
  refuses(identity: string, size: number): Refusal | undefined {
    if (this.used + size > this.limit) return 'full';
    if (this.used + size <= this.limit / 2) return undefined;
    // Whoever has nothing gets something, however small the share.
    const own = this.usedBy(identity);
    return own > 0 && own + size > this.share ? 'share' : undefined;
  }

  usedBy(identity: string): number {
    return this.#byIdentity.get(identity) ?? 0;
  }

  add(identity: string, size: number): void {
    this.used += size;
    const own = this.#byIdentity.get(identity);
    if (own !== undefined || this.#byIdentity.size < MAX_IDENTITIES) this.#byIdentity.set(identity, (own ?? 0) + size);
  }

  remove(identity: string, size: number): void {
    this.used -= size;
    const own = this.#byIdentity.get(identity);
    if (own === undefined) return;
    if (own > size) this.#byIdentity.set(identity, own - size);
    else this.#byIdentity.delete(identity);
  }

  /** Starts afresh from what was counted elsewhere. */
  reset(used: number, byIdentity: Iterable<readonly [identity: string, size: number]>): void {
    this.used = used;
    this.#byIdentity.clear();
    for (const [identity, size] of byIdentity) this.#byIdentity.set(identity, size);
  }
}
