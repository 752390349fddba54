/**
 * How many requests each identity has made: GCRA, the Generic Cell Rate Algorithm (ITU-T I.371 Annex A), a token bucket that keeps
 * one number for each identity: when its bucket will be full again.
 *
 * @fastify/rate-limit is not used: its window starts afresh all at once (twice the limit passes around the border), its headers are
 * not those of the current draft, and each request costs it a promise.
 */
import { limitErrors } from '../errors.ts';

export interface Rate {
  /** Most at once. */
  readonly limit: number;
  /** ms in which as many come back. */
  readonly windowMs: number;
}

export interface Policy extends Rate {
  readonly name: string;
  /** `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10. */
  readonly header: string;
}

/** The policies of RATE_LIMITS by role; none for `off`. @throws LIMIT_RATE_LIMITS */
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
  /** ms until all of the quota is back. */
  readonly resetMs: number;
  /** ms until the next request passes; 0 where this one did. */
  readonly waitMs: number;
}

export class Rates {
  readonly #most: number;
  /** By identity, the silent longest first: when its bucket will be full again, ms. */
  readonly #fullAt = new Map<string, number>();
  forgottenTotal = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#fullAt.size;
  }

  /** Counts a request, unless it is one too many. */
  take(key: string, { limit, windowMs }: Rate, now: number): Taken {
    const known = this.#fullAt.get(key);
    const interval = windowMs / limit;
    const fullAt = known === undefined || known < now ? now : known;
    const next = fullAt + interval;
    // A hair's breadth: sums of fractions must not cost the last request.
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

  /** How many of its limit an identity has used up, 0..limit. */
  used(key: string, { limit, windowMs }: Rate, now: number): number {
    return Math.max(0, (this.#fullAt.get(key) ?? now) - now) / (windowMs / limit);
  }

  /** Takes back one `take` that was allowed. */
  giveBack(key: string, { limit, windowMs }: Rate): void {
    const fullAt = this.#fullAt.get(key);
    if (fullAt !== undefined) this.#fullAt.set(key, fullAt - windowMs / limit);
  }

  /** Two full buckets go for each that comes, so that those who left do not pile up; when full, the silent longest. */
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
