/**
 * An identity is the subject of a token, else an address (a /64 of IPv6). It gets a share once the instance is over
 * half of a limit.
 */
import type { IncomingMessage } from 'node:http';
import type { TidemarkError } from '@tidemark/contracts';
import { type Limiter, SharedLimit, type TokenVerifier, type VerifyTokenFrom } from '@tidemark/service';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';

/** Burst of openings and subscriptions, in seconds of their rate: all clients reconnect after a restart. */
const BURST_S = 30;

export interface Admission {
  readonly sockets: SharedLimit;
  readonly streams: SharedLimit;
  readonly subscriptions: SharedLimit;
  readonly verifyToken: VerifyTokenFrom;
  addressOf(request: IncomingMessage): string;
  refusesOpening(network: string): TidemarkError | undefined;
  /** The returned function ends the subscription's count. */
  subscribing(identity: string): () => void;
  refused(policy: 'sockets' | 'streams' | 'subscriptions'): void;
}

export function createAdmission(config: Config, limiter: Limiter, verifyToken: TokenVerifier): Admission {
  const { sharePercent } = limiter;
  const openings = limiter.rate({
    policy: 'opens',
    what: 'WebSockets and event streams',
    perSecond: config.OPENS_PER_S,
    burstSeconds: BURST_S,
  });
  const subscribes = limiter.rate({
    policy: 'subscribes',
    what: 'subscriptions',
    perSecond: config.SUBSCRIBES_PER_S,
    burstSeconds: BURST_S,
  });
  const subscriptions = new SharedLimit(config.MAX_SUBSCRIPTIONS, sharePercent);
  return {
    sockets: new SharedLimit(config.MAX_SOCKETS, sharePercent),
    streams: new SharedLimit(config.MAX_EVENT_STREAMS, sharePercent),
    subscriptions,
    verifyToken: limiter.limitBadTokens(verifyToken),
    addressOf: limiter.addressOf,
    refusesOpening: (network) => openings.refuses(network),
    subscribing(identity) {
      const tooOften = subscribes.refuses(identity);
      if (tooOften) throw tooOften;
      const refusal = subscriptions.take(identity);
      if (refusal !== undefined) {
        limiter.refused('subscriptions');
        throw errors.TOO_MANY_SUBSCRIPTIONS({ limit: refusal.limit, where: refusal.where });
      }
      let counted = true;
      return () => {
        if (counted) subscriptions.give(identity);
        counted = false;
      };
    },
    refused: (policy) => limiter.refused(policy),
  };
}
