/** The context that a statement gets from its request: route, trace and client. */
import type { Client, Holder, QueryOptions } from '@tidemark/db';
import { formatTraceparent, parseTraceparent, type TraceContext } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { clientOf } from './client.ts';

export interface Asked {
  readonly holder: Holder;
  readonly timing?: NonNullable<QueryOptions['timing']>;
  /** The `traceparent` that the statement's changes carry on. */
  readonly announce?: string;
  readonly client?: Client;
}

export function askedBy(request: FastifyRequest, { holder }: Asked, client: Client = clientOf(request)): Asked {
  const ended = request.requestParts?.statement();
  if (request.trace !== undefined) return tracedBy(request.trace.statement({ holder }), client, ended);
  const trace = receivedTrace(request);
  const of = trace === undefined ? holder : { ...holder, trace: formatTraceparent(trace) };
  return ended === undefined ? { holder: of, client } : { holder: of, client, timing: ended };
}

function tracedBy(asked: Asked, client: Client, ended: Asked['timing']): Asked {
  return {
    ...asked,
    client,
    timing: (pool, waitMs, ms, isFailed) => {
      asked.timing?.(pool, waitMs, ms, isFailed);
      ended?.(pool, waitMs, ms);
    },
  };
}

/** Returns the trace that the client continues. */
export const receivedTrace = ({ headers }: FastifyRequest): TraceContext | undefined =>
  headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent);
