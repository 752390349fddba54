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
  if (request.trace !== undefined) return { ...request.trace.statement({ holder }), client };
  const trace = receivedTrace(request);
  return { client, holder: trace === undefined ? holder : { ...holder, trace: formatTraceparent(trace) } };
}

/** Returns the trace that the client continues. */
export const receivedTrace = ({ headers }: FastifyRequest): TraceContext | undefined =>
  headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent);
