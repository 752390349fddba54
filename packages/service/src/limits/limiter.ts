/** The one limiter of a service: who asks (identity or address), what is refused with 429, and the figures of both. */
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
  /** Label of the counter. */
  readonly policy: string;
  /** In the message: more than 30000 <what> in 30 s. */
  readonly what: string;
  /** 0: no limit. */
  readonly perSecond: number;
  readonly burstSeconds: number;
}

export interface LimitedRate {
  /** Counts one of `identity`; the error where it is one too many. */
  refuses(identity: string): TidemarkError | undefined;
  giveBack(identity: string): void;
}

/** Verifies a token of a client at `address`. @throws LIMIT_RATE, and as TokenVerifier does */
export type VerifyTokenFrom = (token: string, address: string) => Promise<VerifiedToken>;

export interface Limiter {
  readonly trust: TrustProxy;
  readonly sharePercent: number;
  /** The client's address behind trusted proxies. */
  addressOf(request: IncomingMessage): string;
  /** The key that an anonymous client counts under: its address, or its /64. */
  networkOf(request: IncomingMessage): string;
  rate(options: RateOptions): LimitedRate;
  /** Refuses tokens unchecked while their address sends too many invalid ones; tokens that were verified before always pass. */
  limitBadTokens(verify: TokenVerifier): VerifyTokenFrom;
  /** Counts a refusal of one of the service’s own limits. */
  refused(policy: string): void;
}

const BAD_TOKENS_BURST_S = 10;

export function createLimiter(config: LimiterConfig, metrics: Metrics): Limiter {
  const trust = trustedProxies(config.TRUST_PROXY);
  const sharePercent = config.IDENTITY_SHARE_PERCENT;
  const refusals = metrics.counter('tidemark_rate_limited_total', 'What was refused with 429, by policy', ['policy']);
  const rates: SharedRate[] = [];
  metrics.gauge('tidemark_rate_shares', 'Identities held to their share of a rate lately', [], (gauge) =>
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
        // Each token counts as a bad one until it has proven to be good: as many as are sent at once are not checked first.
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

/** The token was at fault, not the issuer’s keys. */
const isRefusal = (error: unknown): boolean => {
  const status = (error as Partial<TidemarkError>).status ?? 500;
  return status === 401 || status === 403;
};

/**
 * The key that a client counts under: the subject of its token within its role, else its network. Tokens without a subject (a
 * public key that every page holds) tell nobody apart, so their bearers count as the anonymous do.
 */
export function identityKey(
  verified: { readonly role: string; readonly claims: Readonly<Record<string, unknown>> } | undefined,
  network: string,
): string {
  const sub = verified?.claims.sub;
  return verified && typeof sub === 'string' && sub !== '' ? `${verified.role}\0${sub}` : `@${network}`;
}
