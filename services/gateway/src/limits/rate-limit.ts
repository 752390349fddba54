/** Rate limits of identities: a hook, and a step of the front for hits of the cache. Without RATE_LIMITS neither exists. */
import type { IncomingMessage } from 'node:http';
import type { BaseApp, Metrics } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { Caller } from '../plugins/identity.ts';
import { limitErrors } from './errors.ts';
import { type Policy, parsePolicies, Rates, type Taken } from './rates.ts';

export interface RateLimitOptions {
  /** RATE_LIMITS */
  limits: string;
  identities: number;
  /** An address is to be had from fastify's request alone. */
  behindProxy: boolean;
  metrics: Metrics;
}

export interface RateLimit {
  /** For the scope whose requests have a caller; after identity. */
  register(app: BaseApp): void;
  /** Of front/front.ts. */
  readonly step: {
    readonly drops: readonly string[];
    admit(request: IncomingMessage, caller: Caller): boolean;
    head(request: IncomingMessage, headers: string[]): void;
  };
}

/** Undefined where nothing is limited. @throws GATEWAY_RATE_LIMITS */
export function createRateLimit(options: RateLimitOptions): RateLimit | undefined {
  const policies = parsePolicies(options.limits);
  if (policies.size === 0) return undefined;
  const { metrics, behindProxy } = options;
  const rates = new Rates(options.identities);
  const refused = metrics.counter('tidemark_rate_limited_total', 'Requests refused with 429, by policy', ['policy']);
  metrics.gauge('tidemark_rate_limit_identities', 'Identities whose requests are counted', [], (gauge) =>
    gauge.set(rates.size),
  );
  metrics.gauge('tidemark_rate_limit_forgotten', 'Identities that gave way to others before their time', [], (gauge) =>
    gauge.set(rates.forgottenTotal),
  );
  const policyOf = (caller: Caller) => policies.get(caller.role) ?? policies.get('*');
  // The front asks for a request's headers right after it was admitted.
  let last: { policy: Policy; taken: Taken } | undefined;

  return {
    register(app) {
      app.addHook('onRequest', (request: FastifyRequest, reply, done) => {
        const { caller } = request;
        const policy = policyOf(caller);
        if (policy === undefined) return done();
        const taken = rates.take(keyOf(caller, request.ip), policy, performance.now());
        reply.header('ratelimit-policy', policy.header).header('ratelimit', rateLimitHeader(policy, taken));
        if (taken.allowed) return done();
        refused.inc({ policy: policy.name });
        const { name, limit, windowMs } = policy;
        const retryAfter = Math.max(1, Math.ceil(taken.waitMs / 1_000));
        done(limitErrors.RATE_LIMITED({ policy: name, limit, seconds: windowMs / 1_000, retryAfter }));
      });
    },
    step: {
      drops: ['ratelimit', 'ratelimit-policy'],
      admit(request, caller) {
        last = undefined;
        const policy = policyOf(caller);
        if (policy === undefined) return true;
        if (behindProxy && !caller.authenticated) return false;
        const taken = rates.take(keyOf(caller, request.socket.remoteAddress ?? ''), policy, performance.now());
        if (!taken.allowed) return false;
        last = { policy, taken };
        return true;
      },
      head(_request, headers) {
        if (last)
          headers.push('ratelimit-policy', last.policy.header, 'ratelimit', rateLimitHeader(last.policy, last.taken));
      },
    },
  };
}

const rateLimitHeader = ({ name }: Policy, { remaining, resetMs }: Taken) =>
  `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1_000)}`;

/** Who is counted: the subject of a token within its role (those without one share), else the address. */
function keyOf(caller: Caller, address: string): string {
  if (!caller.authenticated) return `@${networkOf(address)}`;
  const { sub } = caller.verified?.claims ?? {};
  return `${caller.role}\0${typeof sub === 'string' ? sub : ''}`;
}

/** An IPv6 client has a whole /64 to choose its address from; of IPv4 each address counts. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped) return mapped[1] as string;
  const [head = '', tail] = address.split('%', 1)[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
