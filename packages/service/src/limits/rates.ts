/**
 * GCRA (ITU-T I.371 Annex A): a token bucket that stores one number for each identity, the time when its bucket is
 * full. @fastify/rate-limit lets twice the limit pass around the boundary of its windows, sends headers of an old
 * draft, and costs a promise for each request.
 */
import { limitErrors } from '../errors.ts';

export interface Rate {
  readonly limit: number;
  /** The whole limit comes back in this time. */
  readonly windowMs: number;
}

export interface Policy extends Rate {
  readonly name: string;
  /** `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10. */
  readonly header: string;
}

export function parsePolicies(text: string): ReadonlyMap<string, Policy> {
  const policies = new Map<string, Policy>();
  if (text.trim() === 'off') return policies;
  for (const part of text
    .split(',')
    .map((one) => one.trim())
    .filter(Boolean)) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*|\*)=(\d+)\/(\d+)s$/.exec(part);
    if (!match) throw limitErrors.RATE_LIMITS({ problem: `is not understood at "${part.slice(0, 80)}"` });
    const [, role, limit, seconds] = match as unknown as [string, string, string, string];
    if (policies.has(role)) throw limitErrors.RATE_LIMITS({ problem: `names ${role} twice` });
    const name = role === '*' ? 'default' : role;
    const header = `"${name}";q=${limit};w=${seconds}`;
    policies.set(role, { name, limit: Number(limit), windowMs: Number(seconds) * 1_000, header });
  }
  return policies;
}

export interface Taken {
  readonly allowed: boolean;
  readonly remaining: number;
  readonly resetMs: number;
  /** ms until the next request passes; 0 if this one passed. */
  readonly waitMs: number;
}

export class Rates {
  readonly #most: number;
  /** The time when the bucket of each identity is full again, ms; least recently used first. */
  readonly #fullAt = new Map<string, number>();
  forgottenTotal = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  take(key: string, { limit, windowMs }: Rate, now: number): Taken {
    const known = this.#fullAt.get(key);
    const interval = windowMs / limit;
    const fullAt = known === undefined || known < now ? now : known;
    const next = fullAt + interval;
    // Rounding of sums must not refuse the last request.
    const allowed = next - now <= windowMs + 1e-6;
    if (known !== undefined) this.#fullAt.delete(key);
    else this.#makeRoom(now);
    const kept = allowed ? next : fullAt;
    this.#fullAt.set(key, kept);
    return {
      allowed,
      remaining: Math.max(0, Math.floor((windowMs - (kept - now)) / interval + 1e-6)),
      resetMs: kept - now,
      waitMs: allowed ? 0 : next - now - windowMs,
    };
  }

  used(key: string, { limit, windowMs }: Rate, now: number): number {
    return Math.max(0, (this.#fullAt.get(key) ?? now) - now) / (windowMs / limit);
  }

  giveBack(key: string, { limit, windowMs }: Rate): void {
    const fullAt = this.#fullAt.get(key);
    if (fullAt !== undefined) this.#fullAt.set(key, fullAt - windowMs / limit);
  }

  /** Removes two full buckets, so that inactive ones do not accumulate, or the least recently used one. */
  #makeRoom(now: number): void {
    let looked = 0;
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt > now || looked === 2) break;
      this.#fullAt.delete(key);
      looked += 1;
    }
    if (this.#fullAt.size < this.#most) return;
    const [oldest] = this.#fullAt.keys();
    this.#fullAt.delete(oldest as string);
    this.forgottenTotal += 1;
  }
}
