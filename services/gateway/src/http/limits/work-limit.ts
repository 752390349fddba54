/**
 * Limits the ms of Postgres and of the gateway that the requests of an identity cost. It binds only while the gateway
 * or a pool is over half in use. A refusal is sent a moment later, because a client that repeats its request at once
 * would otherwise make a load of refusals.
 */
import type { IncomingMessage } from 'node:http';
import type { TidemarkError } from '@tidemark/contracts';
import {
  type BaseApp,
  identityKey,
  type Limiter,
  type Metrics,
  parsePolicies,
  SharedWork,
  type TokenVerifier,
  tokenOf,
  type VerifiedToken,
} from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { identityOf } from '../../request/identity-of.ts';
import { limitErrors } from './errors.ts';

declare module 'fastify' {
  interface FastifyInstance {
    readonly work: WorkLimit;
  }
}

/** ms of the event loop that a request costs which is refused at once. */
const REQUEST_MS = 0.2;
/** Bytes of JSON that the gateway parses, or hashes and sends, in about a millisecond. */
const BYTES_PER_MS = 100_000;
/** ms of the gateway and of realtime that opening and closing a WebSocket costs. */
const SOCKET_MS = 10;
/** A WebSocket that was open for longer costs nothing here: many clients may come back at once after a restart. */
const SHORT_LIVED_MS = 5_000;
/** The factor for fruitless work (cut off at its limit, or its client has gone): it must not keep others waiting again and again. */
const FRUITLESS_FACTOR = 5;
/** ms by which a refusal to an identity over its share is delayed. */
const REFUSAL_MS = 1_000;
/** Delayed refusals, about 20 KB each; more are sent at once. */
const MAX_WAITING = 1_000;

export interface WorkLimitOptions {
  readonly limits: string;
  readonly identities: number;
  readonly anonRole: string;
  readonly isBusy: () => boolean;
  readonly limiter: Pick<Limiter, 'networkOf' | 'refused'>;
  /** A token that was not verified lately counts for its address. */
  readonly verified: TokenVerifier['cached'];
  readonly metrics: Metrics;
}

export interface SocketWork {
  refuses(request: IncomingMessage): TidemarkError | undefined;
  delay(send: () => void): void;
  closed(request: IncomingMessage, openMs: number, bytes: number): void;
}

export interface WorkLimit {
  readonly sockets: SocketWork;
  /** Whether work is counted at the moment. Cheaper than finding out the identity, so it is asked first. */
  isBusy(): boolean;
  charge(identity: string, ms: number, isFruitless?: boolean): void;
  readonly answers: (app: BaseApp) => Promise<void>;
  readonly plugin: (app: BaseApp) => Promise<void>;
}

export function createWorkLimit(options: WorkLimitOptions): WorkLimit {
  const { isBusy, metrics } = options;
  const policies = parsePolicies(options.limits);
  const work = new SharedWork(options.identities);
  let waiting = 0;
  metrics.gauge('tidemark_work_identities', 'Identities whose work is counted', [], (gauge) => gauge.set(work.size));
  metrics.gauge('tidemark_refusals_waiting', 'Refusals that wait to be sent', [], (gauge) => gauge.set(waiting));

  function waitMs(identity: string, role: string | undefined): number {
    const policy = policies.get(role ?? options.anonRole) ?? policies.get('*');
    if (policy === undefined) return 0;
    return work.waitMs(identity, (policy.limit / policy.windowMs) * 1_000, performance.now());
  }

  /** A request that is refused before its token is verified has no caller. */
  const waitOf = (request: FastifyRequest) => waitMs(identityOf(request), request.caller?.role);

  function refusal(ms: number): TidemarkError {
    options.limiter.refused('work');
    return limitErrors.WORK_LIMITED({ retryAfter: Math.max(1, Math.ceil(ms / 1_000)) });
  }

  function delay(send: () => void): void {
    if (waiting >= MAX_WAITING) {
      send();
      return;
    }
    waiting += 1;
    setTimeout(() => {
      waiting -= 1;
      send();
    }, REFUSAL_MS);
  }

  function charge(identity: string, ms: number, isFruitless = false): void {
    work.add(identity, isFruitless ? ms * FRUITLESS_FACTOR : ms, performance.now());
  }

  function callerOf(request: IncomingMessage): { identity: string; role: string | undefined } {
    let known: VerifiedToken | undefined;
    try {
      const token = tokenOf(request.headers as { authorization?: string; apikey?: string });
      known = token === undefined ? undefined : options.verified(token);
    } catch {
      // A malformed token counts for its address; the service behind the proxy reports what is wrong with it.
    }
    return { identity: identityKey(known, options.limiter.networkOf(request)), role: known?.role };
  }

  const isCounted = () => policies.size > 0 && isBusy();

  const limit: WorkLimit = {
    isBusy: isCounted,
    charge,
    sockets: {
      delay,
      refuses(request) {
        if (!isCounted()) return undefined;
        const { identity, role } = callerOf(request);
        const ms = waitMs(identity, role);
        return ms > 0 ? refusal(ms) : undefined;
      },
      closed(request, openMs, bytes) {
        if (openMs > SHORT_LIVED_MS || !isCounted()) return;
        charge(callerOf(request).identity, SOCKET_MS + bytes / BYTES_PER_MS);
      },
    },
    answers: fp(
      async (app: BaseApp) => {
        app.decorate('work', limit);
        if (policies.size === 0) return;
        app.addHook('onSend', (request: FastifyRequest, reply: FastifyReply, payload, done) => {
          if (!isCounted()) return done();
          if (typeof payload === 'string' || Buffer.isBuffer(payload)) {
            charge(identityOf(request), payload.length / BYTES_PER_MS);
          }
          if (reply.statusCode < 400 || waitOf(request) === 0) done();
          else delay(done);
        });
      },
      { name: 'work-answers' },
    ),
    plugin: fp(
      async (app: BaseApp) => {
        if (policies.size === 0) return;
        app.addHook('onRequest', (request: FastifyRequest, _reply, done) => {
          if (!isCounted()) return done();
          const ms = waitOf(request);
          const identity = identityOf(request);
          charge(identity, REQUEST_MS);
          if (ms > 0) return done(refusal(ms));
          charge(identity, Number(request.headers['content-length'] ?? 0) / BYTES_PER_MS);
          done();
        });
      },
      { name: 'work-limit', dependencies: ['identity', 'work-answers'] },
    ),
  };
  return limit;
}
