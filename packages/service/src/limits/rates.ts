/**
 * GCRA (ITU-T I.371 Annex A): a token bucket that stores one number for each identity, the time when its bucket is
 * full. @fastify/rate-limit lets twice the limit pass around the boundary of its windows, sends headers of an old
 * draft, and costs a promise for each request.
 */
import { LRUCache } from 'lru-cache';
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

interface Bucket {
  /** The time when the bucket is full again, ms. */
  fullAt: number;
}

export class Rates {
  readonly #buckets: LRUCache<string, Bucket>;
  #now = 0;
  /** Identities dropped before their bucket was full: the next request of one may pass too early. */
  forgottenTotal = 0;

  /** The least recently used of `max` identities is dropped. */
  constructor(max: number) {
    this.#buckets = new LRUCache({
      // As `max`, the library would reserve the memory of all of them, 3 MB for 100,000.
      maxSize: max,
      sizeCalculation: () => 1,
      dispose: ({ fullAt }) => {
        if (fullAt > this.#now) this.forgottenTotal += 1;
      },
    });
  }

  get size(): number {
    return this.#buckets.size;
  }

  take(key: string, { limit, windowMs }: Rate, now: number): Taken {
    this.#now = now;
    const known = this.#buckets.get(key);
    const interval = windowMs / limit;
    const fullAt = known === undefined || known.fullAt < now ? now : known.fullAt;
    const next = fullAt + interval;
    // Rounding of sums must not refuse the last request.
    const allowed = next - now <= windowMs + 1e-6;
    const kept = allowed ? next : fullAt;
    if (known === undefined) this.#buckets.set(key, { fullAt: kept });
    else known.fullAt = kept;
    return {
      allowed,
      remaining: Math.max(0, Math.floor((windowMs - (kept - now)) / interval + 1e-6)),
      resetMs: kept - now,
      waitMs: allowed ? 0 : next - now - windowMs,
    };
  }

  used(key: string, { limit, windowMs }: Rate, now: number): number {
    return Math.max(0, (this.#buckets.peek(key)?.fullAt ?? now) - now) / (windowMs / limit);
  }

  giveBack(key: string, { limit, windowMs }: Rate): void {
    const bucket = this.#buckets.peek(key);
    if (bucket !== undefined) bucket.fullAt -= windowMs / limit;
  }
}
