/**
 * If the limits apply only while the gateway is busy, requests are not counted at other times, so that each costs
 * only the check of a flag.
 */
import type { IncomingMessage } from 'node:http';
import {
  type BaseApp,
  identityKey,
  type Limiter,
  type Metrics,
  type Policy,
  parsePolicies,
  Rates,
  type Taken,
} from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { Caller } from '../../request/caller.ts';
import type { FastPathStep } from '../fast-path/fast-path.ts';
import { limitErrors } from './errors.ts';

export interface RateLimitOptions {
  limits: string;
  identities: number;
  bind: 'busy' | 'always';
  isBusy: () => boolean;
  limiter: Limiter;
  metrics: Metrics;
}

export interface RateLimit {
  readonly plugin: (app: BaseApp) => Promise<void>;
  readonly step: FastPathStep;
}

export function createRateLimit(options: RateLimitOptions): RateLimit | undefined {
  const policies = parsePolicies(options.limits);
  if (policies.size === 0) return undefined;
  const { metrics, limiter, isBusy } = options;
  const isQuota = options.bind === 'always';
  const rates = new Rates(options.identities);
  metrics.gauge('tidemark_rate_limit_identities', 'Identities whose requests are counted', [], (gauge) =>
    gauge.set(rates.size),
  );
  metrics.gauge('tidemark_rate_limit_forgotten', 'Identities evicted before their window ended', [], (gauge) =>
    gauge.set(rates.forgottenTotal),
  );
  const policyOf = (caller: Caller) => policies.get(caller.role) ?? policies.get('*');
  const take = (caller: Caller, request: IncomingMessage, policy: Policy) =>
    rates.take(identityKey(caller.verified, limiter.networkOf(request)), policy, performance.now());
  // The fast path asks for a request's headers right after it was admitted.
  let last: { policy: Policy; taken: Taken } | undefined;

  async function plugin(app: BaseApp): Promise<void> {
    app.addHook('onRequest', (request: FastifyRequest, reply, done) => {
      if (!isQuota && !isBusy()) return done();
      const { caller } = request;
      const policy = policyOf(caller);
      if (policy === undefined) return done();
      const taken = take(caller, request.raw, policy);
      if (isQuota || !taken.allowed) {
        reply.header('ratelimit-policy', policy.header).header('ratelimit', rateLimitHeader(policy, taken));
      }
      if (taken.allowed) return done();
      limiter.refused(policy.name);
      const { name, limit, windowMs } = policy;
      const retryAfter = Math.max(1, Math.ceil(taken.waitMs / 1_000));
      done(limitErrors.RATE_LIMITED({ policy: name, limit, seconds: windowMs / 1_000, retryAfter }));
    });
  }

  return {
    plugin: fp(plugin, { name: 'rate-limit', dependencies: ['identity'] }),
    step: {
      drops: ['ratelimit', 'ratelimit-policy'],
      admit(request, caller) {
        last = undefined;
        if (!isQuota && !isBusy()) return true;
        const policy = policyOf(caller);
        if (policy === undefined) return true;
        const taken = take(caller, request, policy);
        if (!taken.allowed) return false;
        if (isQuota) last = { policy, taken };
        return true;
      },
      // A step with headers costs each hit a copy of them, so there is none where no header is sent.
      head: isQuota
        ? (_request, headers) => {
            if (!last) return;
            headers.push('ratelimit-policy', last.policy.header);
            headers.push('ratelimit', rateLimitHeader(last.policy, last.taken));
          }
        : undefined,
    },
  };
}

const rateLimitHeader = ({ name }: Policy, { remaining, resetMs }: Taken) =>
  `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`;
