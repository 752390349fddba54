import type { IncomingMessage } from 'node:http';
import type { TidemarkError } from '@tidemark/contracts';
import type { Static } from 'typebox';
import { limitErrors } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import type { TokenVerifier, VerifiedToken } from '../tokens/verifier.ts';
import type { limiterConfig } from './config.ts';
import { networkOf } from './network.ts';
import { SharedRate } from './shared-rate.ts';
import { clientAddress, type TrustProxy, trustedProxies } from './trusted-proxies.ts';

type LimiterConfig = { readonly [K in keyof typeof limiterConfig]: Static<(typeof limiterConfig)[K]> };

export interface RateOptions {
  readonly policy: string;
  /** Used in the message: more than 30000 <what> in 30 s. */
  readonly what: string;
  readonly perSecond: number;
  readonly burstSeconds: number;
}

export interface LimitedRate {
  refuses(identity: string): TidemarkError | undefined;
  giveBack(identity: string): void;
}

export type VerifyTokenFrom = (token: string, address: string) => Promise<VerifiedToken>;

export interface Limiter {
  readonly trust: TrustProxy;
  readonly sharePercent: number;
  addressOf(request: IncomingMessage): string;
  /** Returns the address of an anonymous client, or its /64. */
  networkOf(request: IncomingMessage): string;
  rate(options: RateOptions): LimitedRate;
  /** Refuses tokens unverified while their address sends too many invalid ones; tokens verified before always pass. */
  limitBadTokens(verify: TokenVerifier): VerifyTokenFrom;
  refused(policy: string): void;
}

const BAD_TOKENS_BURST_S = 10;

export function createLimiter(config: LimiterConfig, metrics: Metrics): Limiter {
  const trust = trustedProxies(config.TRUST_PROXY);
  const sharePercent = config.IDENTITY_SHARE_PERCENT;
  const refusals = metrics.counter('tidemark_rate_limited_total', 'Requests refused with 429, by policy', ['policy']);
  const rates: SharedRate[] = [];
  metrics.gauge('tidemark_rate_shares', 'Identities recently limited to their share of a rate', [], (gauge) =>
    gauge.set(rates.reduce((sum, rate) => sum + rate.size, 0)),
  );
  const addressOf = (request: IncomingMessage) => clientAddress(request, trust);

  function rate({ policy, what, perSecond, burstSeconds }: RateOptions): LimitedRate {
    if (perSecond === 0) return { refuses: () => undefined, giveBack: () => {} };
    const identities = config.RATE_LIMIT_IDENTITIES;
    const shared = new SharedRate({ perSecond, burstSeconds, sharePercent, identities });
    rates.push(shared);
    return {
      refuses(identity) {
        const waitMs = shared.take(identity, performance.now());
        if (waitMs === 0) return undefined;
        refusals.inc({ policy });
        const retryAfter = Math.max(1, Math.ceil(waitMs / 1_000));
        return limitErrors.RATE({ what, limit: shared.share.limit, seconds: burstSeconds, retryAfter });
      },
      giveBack: (identity) => shared.giveBack(identity),
    };
  }

  return {
    trust,
    sharePercent,
    addressOf,
    networkOf: (request) => networkOf(addressOf(request)),
    rate,
    refused: (policy) => refusals.inc({ policy }),
    limitBadTokens(verify) {
      const bad = rate({
        policy: 'bad_tokens',
        what: 'invalid tokens',
        perSecond: config.BAD_TOKENS_PER_S,
        burstSeconds: BAD_TOKENS_BURST_S,
      });
      return async (token, address) => {
        const known = verify.cached(token);
        if (known) return known;
        // Each token counts until it is verified, so that concurrent invalid ones are limited as well.
        const network = networkOf(address);
        const refused = bad.refuses(network);
        if (refused) throw refused;
        try {
          const verified = await verify(token);
          bad.giveBack(network);
          return verified;
        } catch (error) {
          if (!isRefusal(error)) bad.giveBack(network);
          throw error;
        }
      };
    },
  };
}

/** False when only the issuer's keys are unavailable. */
const isRefusal = (error: unknown): boolean => {
  const status = (error as Partial<TidemarkError>).status ?? 500;
  return status === 401 || status === 403;
};

/** Tokens without a subject (a public key in every page) identify nobody: their clients count as anonymous. */
export function identityKey(
  verified: { readonly role: string; readonly claims: Readonly<Record<string, unknown>> } | undefined,
  network: string,
): string {
  const sub = verified?.claims.sub;
  return verified && typeof sub === 'string' && sub !== '' ? `${verified.role}\0${sub}` : `@${network}`;
}
