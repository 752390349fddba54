/**
 * Below half of the limit no share applies, so that ten thousand viewers behind one address get in. Above it each
 * identity has a small share, so that none uses up what is left for the others.
 */
import { type Rate, Rates } from './rates.ts';

export interface SharedRateOptions {
  readonly perSecond: number;
  /** The burst, in seconds of the rate. */
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

  get size(): number {
    return this.#identities.size;
  }

  isOverHalf(now: number): boolean {
    return this.#instance.used('', this.limit, now) >= this.limit.limit / 2;
  }

  /** Returns 0, or the ms after which the identity may retry. */
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

  /** The request was harmless. */
  giveBack(identity: string): void {
    this.#instance.giveBack('', this.limit);
    this.#identities.giveBack(identity, this.share);
  }
}
