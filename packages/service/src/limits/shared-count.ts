/**
 * A number of things held at a time (connections, subscriptions) that all identities share. While less than half of the limit
 * is in use nobody is held to a share; beyond it, an identity that holds its share already gets no more.
 */
export class SharedCount {
  readonly limit: number;
  readonly share: number;
  /** As many entries as identities hold something, so at most `limit`. */
  readonly #held = new Map<string, number>();
  #size = 0;

  constructor(limit: number, sharePercent: number) {
    this.limit = limit;
    this.share = Math.max(1, Math.floor((limit * sharePercent) / 100));
  }

  get size(): number {
    return this.#size;
  }

  /** Whether one more of `identity` is too many for the instance or for its share; undefined: neither. */
  refuses(identity: string): 'instance' | 'share' | undefined {
    if (this.#size >= this.limit) return 'instance';
    if (this.#size < this.limit / 2) return undefined;
    return (this.#held.get(identity) ?? 0) >= this.share ? 'share' : undefined;
  }

  add(identity: string): void {
    this.#size += 1;
    this.#held.set(identity, (this.#held.get(identity) ?? 0) + 1);
  }

  /** Once for each `add`. */
  remove(identity: string): void {
    const held = this.#held.get(identity);
    if (held === undefined) return;
    this.#size -= 1;
    if (held === 1) this.#held.delete(identity);
    else this.#held.set(identity, held - 1);
  }

  /** Counts one that `from` holds for `to` instead, unless `to` has its share already. */
  move(from: string, to: string): 'instance' | 'share' | undefined {
    this.remove(from);
    const refused = this.refuses(to);
    this.add(refused === undefined ? to : from);
    return refused;
  }
}
