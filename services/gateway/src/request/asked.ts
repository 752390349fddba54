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
  const asked = traced(request, holder);
  const ended = request.requestParts?.statement();
  if (!ended) return { ...asked, client };
  const { timing } = asked;
  if (!timing) return { ...asked, client, timing: ended };
  return {
    ...asked,
    client,
    timing: (pool, waitMs, ms, isFailed) => {
      timing(pool, waitMs, ms, isFailed);
      ended(pool, waitMs, ms);
    },
  };
}

function traced(request: FastifyRequest, holder: Holder): Asked {
  if (request.trace !== undefined) return request.trace.statement({ holder });
  const trace = receivedTrace(request);
  return { holder: trace === undefined ? holder : { ...holder, trace: formatTraceparent(trace) } };
}

/** Returns the trace that the client continues. */
export const receivedTrace = ({ headers }: FastifyRequest): TraceContext | undefined =>
  headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent);
