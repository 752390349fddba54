import { CLOSE_CODES } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import { every, identityKey, networkOf, tokenOf } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { drainClients } from '../draining/drain-clients.ts';
import { errors } from '../errors.ts';
import type { RealtimeEvent } from '../events.ts';
import { publicError } from '../public-error.ts';
import type { Admission } from '../sockets/admission.ts';
import type { Topics } from '../subscriptions/topics-api.ts';
import { errorFrame } from '../topics/frame.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Mode } from '../topics/topic.ts';
import { EventStream } from './event-stream.ts';

export interface EventStreamsOptions {
  topics: Topics;
  admission: Admission;
  anonymous: Identity;
  maxBufferedBytes: number;
  pingMs: number;
  slowMs: number;
  observe: (event: RealtimeEvent) => void;
}

export interface LiveQuerystring {
  query?: string;
  profile?: string;
  snapshot?: boolean;
  mode?: Mode;
  /** Position to resume after, instead of Last-Event-ID. */
  after?: string;
  apikey?: string;
}

export interface EventStreams {
  accept(request: FastifyRequest<{ Querystring: LiveQuerystring }>, reply: FastifyReply): Promise<FastifyReply>;
  counts(): { open: number; bufferedBytes: number };
  drain(overMs: number, where: () => string | undefined): Promise<void>;
}

interface Open {
  stream: EventStream;
  subscription: Subscription | undefined;
  expires: number | undefined;
  pingedAt: number;
}

const TICK_MS = 1_000;
/** Clients of a stopping instance wait until the load balancer has noticed. */
const TURNED_AWAY_MS = 1_000;

export function createEventStreams(options: EventStreamsOptions): EventStreams {
  const { admission } = options;
  const all = new Set<Open>();
  let elsewhere: (() => string | undefined) | undefined;
  let openedTotal = 0;
  const tickAll = () => {
    const now = Date.now();
    for (const open of all) tick(open, now);
  };
  const timer = every('event streams', TICK_MS, tickAll, options.observe);

  function tick(open: Open, now: number): void {
    const { stream, subscription, expires } = open;
    const slowSince = stream.slowSince(now);
    if (slowSince !== undefined && now - slowSince >= options.slowMs) {
      options.observe({ type: 'socket.closed', code: CLOSE_CODES.TOO_SLOW, reason: 'nothing was read for too long' });
      stream.destroy();
    } else if (expires !== undefined && expires * 1_000 <= now) {
      subscription?.fail(errors.TOKEN_EXPIRED());
      stream.end();
    } else if (now - open.pingedAt >= options.pingMs) {
      open.pingedAt = now;
      stream.ping();
    }
  }

  function refuseMore(identity: string): void {
    const refusal = admission.streams.refuses(identity);
    if (refusal === undefined) return;
    admission.refused('streams');
    throw errors.TOO_MANY_STREAMS({ limit: refusal.limit, where: refusal.where });
  }

  /** An EventSource reconnects after an ended stream, but gives up at any status but 200. */
  function turnAway(reply: FastifyReply, url: string | undefined): FastifyReply {
    const stream = new EventStream('turned away', '', reply.raw, options.maxBufferedBytes);
    stream.sendDraining(TURNED_AWAY_MS, url);
    stream.end();
    return reply.hijack();
  }

  return {
    async accept(request, reply) {
      if (elsewhere) return turnAway(reply, elsewhere());
      const { query, profile, snapshot = true, mode, after, apikey } = request.query;
      const address = admission.addressOf(request.raw);
      const network = networkOf(address);
      const tooOften = admission.refusesOpening(network);
      if (tooOften) throw tooOften;
      if (query === undefined) throw errors.STREAM_QUERY();
      const token = tokenOf({
        authorization: request.headers.authorization,
        apikey: request.headers.apikey ?? apikey,
      });
      const verified = token === undefined ? undefined : await admission.verifyToken(token, address);
      const identity = identityKey(verified, network);
      // A closed connection emits no further close event.
      if (reply.raw.destroyed) return reply.hijack();
      refuseMore(identity);
      const lastId = request.headers['last-event-id'];
      const from = after ?? (typeof lastId === 'string' && lastId !== '' ? lastId : undefined);

      const release = admission.subscribing(identity);
      openedTotal += 1;
      admission.streams.add(identity);
      const stream = new EventStream(`e${openedTotal}`, identity, reply.raw, options.maxBufferedBytes);
      const open: Open = { stream, subscription: undefined, expires: verified?.expires, pingedAt: Date.now() };
      all.add(open);
      const leave = () => {
        if (!all.delete(open)) return;
        admission.streams.give(identity);
        release();
      };
      reply.raw.once('close', () => {
        leave();
        open.subscription?.end();
      });
      try {
        open.subscription = await options.topics.subscribe({
          id: 'events',
          query,
          profile,
          snapshot: snapshot && from === undefined,
          mode: mode ?? 'every',
          after: from,
          identity: verified ? { role: verified.role, claims: verified.claimsText } : options.anonymous,
          sink: stream,
          onEnd: () => stream.end(),
          existing: () => undefined,
        });
      } catch (error) {
        if (!reply.raw.headersSent) {
          leave();
          throw publicError(error as Error);
        }
        stream.tell(errorFrame(publicError(error as Error)));
        stream.end();
      }
      return reply.hijack();
    },
    counts() {
      let bufferedBytes = 0;
      for (const { stream } of all) bufferedBytes += stream.bufferedBytes;
      return { open: all.size, bufferedBytes };
    },
    async drain(overMs, where) {
      elsewhere = () => where()?.replace(/^ws/, 'http');
      const leavers = [...all].map((open) => ({
        isGone: () => !all.has(open),
        tell: (ms: number) => open.stream.sendDraining(ms, elsewhere?.()),
        close: () => open.stream.end(),
        cut: () => open.stream.destroy(),
      }));
      await drainClients(leavers, overMs);
      timer.stop();
    },
  };
}
