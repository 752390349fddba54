/** Keeps a record of each request that was slow, failed or was refused. An ordinary request costs a few readings of the clock. */
import { createHash } from 'node:crypto';
import type { RequestRecord } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { receivedTrace } from '../../request/asked.ts';
import { identityOf } from '../../request/identity-of.ts';
import { RequestParts } from '../../request/request-parts.ts';
import type { PoolHolders } from './pool-holders.ts';
import type { RequestRecords } from './request-records.ts';
import type { TrafficWindows } from './traffic-windows.ts';

declare module 'fastify' {
  interface FastifyRequest {
    requestParts: RequestParts | undefined;
  }
}

export interface RecordOptions {
  readonly records: RequestRecords;
  readonly holders: Pick<PoolHolders, 'begin' | 'during'>;
  readonly traffic: TrafficWindows;
  readonly slowMs: number;
}

/** A request that waited less is not shown a holder. */
const MIN_WAIT_MS = 50;

/** Register it before `identity`, so that verifying the token is part of the time. */
export const recordRequests = fp(
  async (app: BaseApp, { records, holders, traffic, slowMs }: RecordOptions) => {
    app.decorateRequest('requestParts', undefined);
    app.addHook('onRequest', (request, _reply, done) => {
      request.requestParts = new RequestParts();
      holders.begin();
      done();
    });
    app.addHook('preParsing', (request, _reply, _payload, done) => {
      request.requestParts?.admitted();
      done();
    });
    app.addHook('preHandler', (request, _reply, done) => {
      request.requestParts?.received();
      done();
    });
    app.addHook('onResponse', (request, reply, done) => {
      const ms = reply.elapsedTime;
      const { statusCode } = reply;
      const { failure: code } = request;
      // Names of tables that do not exist could be as many as a client likes.
      const table = statusCode === 404 ? null : tableOf(request);
      traffic.record({ route: routeOf(request), table, status: statusCode, ms, code });
      if (request.requestParts && (statusCode >= 400 || ms >= slowMs)) {
        records.add(recordOf(request, reply, request.requestParts, holders));
      }
      done();
    });
  },
  { name: 'request-records' },
);

function recordOf(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: RequestParts,
  holders: RecordOptions['holders'],
): RequestRecord {
  const end = performance.now();
  const { statusCode: status } = reply;
  const waited = parts.pool !== null && parts.waitMs >= MIN_WAIT_MS ? parts.pool : undefined;
  return {
    id: request.id,
    at: Date.now(),
    why: whyOf(status),
    status,
    code: request.failure ?? null,
    route: routeOf(request),
    table: tableOf(request),
    role: request.caller?.role ?? null,
    identity: createHash('sha256').update(identityOf(request)).digest('hex').slice(0, 12),
    trace: receivedTrace(request)?.traceId ?? null,
    asked: textOf(request.headers.tidemark) ?? textOf((request.query as { tidemark?: unknown } | undefined)?.tidemark),
    served: textOf(reply.getHeader('tidemark')),
    // The clock of the parts, which fastify's elapsed time ends before.
    ms: end - parts.startedAt,
    parts: parts.at(end),
    statements: parts.statements,
    pool: parts.pool,
    holder: waited === undefined ? null : holders.during(waited, parts.askedAt, end),
  };
}

function whyOf(status: number): RequestRecord['why'] {
  if (status === 429 || status === 503) return 'refused';
  return status >= 400 ? 'failed' : 'slow';
}

const routeOf = ({ method, routeOptions }: FastifyRequest) => `${method} ${routeOptions.url ?? '(none)'}`;

function tableOf({ params }: FastifyRequest): string | null {
  const { table, function: called } = (params ?? {}) as Record<string, string | undefined>;
  return table ?? called ?? null;
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
