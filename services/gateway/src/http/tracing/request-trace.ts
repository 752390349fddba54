/** Of one request while it is answered: where its time goes, and its place in a trace. Made only where one of the two is asked for. */
import type { Client, Holder, QueryOptions } from '@tidemark/db';
import { formatTraceparent, parseTraceparent, type Span, type TraceContext, type Tracing } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { clientOf } from '../plugins/request-client.ts';

declare module 'fastify' {
  interface FastifyRequest {
    trace: RequestTrace | undefined;
  }
}

/** What a statement is sent with: options of packages/db. */
export interface Asked {
  readonly holder: Holder;
  readonly timing?: NonNullable<QueryOptions['timing']>;
  /** A trace that the statement's changes are to carry on: `traceparent`. */
  readonly announce?: string;
  /** Whose going away cancels the statement. Absent: it is not one client's alone. */
  readonly client?: Client;
}

/** For each statement that a request sends. `client`: in place of the request's own. */
export function askedBy(request: FastifyRequest, { holder }: Asked, client: Client = clientOf(request)): Asked {
  if (request.trace !== undefined) return { ...request.trace.statement({ holder }), client };
  const trace = continued(request);
  return { client, holder: trace === undefined ? holder : { ...holder, trace: formatTraceparent(trace) } };
}

const continued = ({ headers }: FastifyRequest): TraceContext | undefined =>
  headers.traceparent === undefined ? undefined : parseTraceparent(headers.traceparent);

export class RequestTrace {
  readonly #startedAt = performance.now();
  readonly #tracing: Tracing | undefined;
  readonly #parent: TraceContext | undefined;
  readonly #span: Span | undefined;
  /** Statements without an answer; as many as the request sends at a time. */
  readonly #open = new Set<Span>();
  #authMs = 0;
  #planFrom = 0;
  #planMs: number | undefined;
  #waitMs = 0;
  #dbMs: number | undefined;

  constructor(request: FastifyRequest, tracing: Tracing | undefined) {
    this.#tracing = tracing;
    this.#parent = continued(request);
    this.#span = tracing?.start(`${request.method} ${request.routeOptions.url ?? '(none)'}`, {
      kind: 'server',
      parent: this.#parent,
      attributes: {
        'http.request.method': request.method,
        'http.route': request.routeOptions.url ?? '(none)',
        'url.path': request.url.split('?', 1)[0] ?? '/',
      },
    });
  }

  /** Whether its spans are recorded. */
  get sampled(): boolean {
    return this.#span?.context.sampled === true;
  }

  /** The token has been looked at. */
  authenticated(): void {
    this.#authMs = performance.now() - this.#startedAt;
  }

  /** The body is there. */
  received(): void {
    this.#planFrom = performance.now();
  }

  statement({ holder }: Asked): Asked {
    this.#planMs ??= performance.now() - this.#planFrom;
    const span = this.#tracing?.start('statement', {
      kind: 'client',
      parent: this.#span?.context,
      attributes: { 'db.system.name': 'postgresql', ...(holder.route ? { 'tidemark.route': holder.route } : {}) },
    });
    if (span) this.#open.add(span);
    const trace = span?.traceparent ?? (this.#parent && formatTraceparent(this.#parent));
    return {
      holder: trace === undefined ? holder : { ...holder, trace },
      timing: (pool, waitMs, ms) => {
        this.#waitMs += waitMs;
        this.#dbMs = (this.#dbMs ?? 0) + ms;
        span?.end({ 'tidemark.pool': pool, 'tidemark.wait_ms': waitMs });
        if (span) this.#open.delete(span);
      },
      ...(span?.context.sampled ? { announce: span.traceparent } : {}),
    };
  }

  /** Of `Server-Timing`: ms each. `wait`: for a connection; what did not happen is left out. */
  serverTiming(): string {
    let text = `auth;dur=${ms(this.#authMs)}`;
    if (this.#planMs !== undefined) text += `, plan;dur=${ms(this.#planMs)}`;
    if (this.#dbMs !== undefined) text += `, wait;dur=${ms(this.#waitMs)}, db;dur=${ms(this.#dbMs)}`;
    text += `, total;dur=${ms(performance.now() - this.#startedAt)}`;
    return this.#span ? `${text}, traceparent;desc="${this.#span.traceparent}"` : text;
  }

  end(reply: FastifyReply): void {
    const { statusCode } = reply;
    for (const span of this.#open) span.end(undefined, 'it was not answered');
    const failed = !reply.raw.writableFinished
      ? 'the client went away'
      : statusCode >= 500
        ? String(statusCode)
        : undefined;
    this.#span?.end({ 'http.response.status_code': statusCode }, failed);
  }
}

const ms = (value: number): string => value.toFixed(2);
