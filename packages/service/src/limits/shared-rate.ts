/**
 * A rate that all identities share. While the instance has used less than half of its limit, nobody is held to a share: ten
 * thousand viewers behind one address get in. Beyond that, each identity has a small share of its own, so that one of them
 * cannot use up what is left for the others.
 */
import { type Rate, Rates } from './rates.ts';

export interface SharedRateOptions {
  readonly perSecond: number;
  /** Seconds whose worth may come at once. */
  readonly burstSeconds: number;
  readonly sharePercent: number;
  /** Identities counted at a time; about 200 bytes each. */
  readonly identities: number;
}

export class SharedRate {
  readonly limit: Rate;
  readonly share: Rate;
  readonly #instance = new Rates(1);
  readonly #identities: Rates;

  constructor({ perSecond, burstSeconds, sharePercent, identities }: SharedRateOptions) {
    const windowMs = burstSeconds * 1_000;
    const limit = perSecond * burstSeconds;
    this.limit = { limit, windowMs };
    this.share = { limit: Math.max(1, Math.floor((limit * sharePercent) / 100)), windowMs };
    this.#identities = new Rates(identities);
  }

  /** Identities that were held to their share lately. */
  get size(): number {
    return this.#identities.size;
  }

  isOverHalf(now: number): boolean {
    return this.#instance.used('', this.limit, now) >= this.limit.limit / 2;
  }

  /** Counts one of `identity` and returns 0, or the ms after which it may try again. */
  take(identity: string, now: number): number {
    const sharing = this.isOverHalf(now);
    if (sharing) {
      const { allowed, waitMs } = this.#identities.take(identity, this.share, now);
      if (!allowed) return waitMs;
    }
    const { allowed, waitMs } = this.#instance.take('', this.limit, now);
    if (!allowed && sharing) this.#identities.giveBack(identity, this.share);
    return allowed ? 0 : waitMs;
  }

  /** Takes back one that `take` has counted, as it turned out to be harmless. */
  giveBack(identity: string): void {
    this.#instance.giveBack('', this.limit);
    this.#identities.giveBack(identity, this.share);
  }
}
