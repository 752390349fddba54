/** The times of one request and its place in a trace. Created only where tracing or SERVER_TIMING is on. */
import { formatTraceparent, type Span, type TraceContext, type Tracing } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Asked, receivedTrace } from '../../request/asked.ts';

declare module 'fastify' {
  interface FastifyRequest {
    trace: RequestTrace | undefined;
  }
}

export class RequestTrace {
  readonly #startedAt = performance.now();
  readonly #tracing: Tracing | undefined;
  readonly #parent: TraceContext | undefined;
  readonly #span: Span | undefined;
  readonly #open = new Set<Span>();
  #authMs = 0;
  #planFrom = 0;
  #planMs: number | undefined;
  #waitMs = 0;
  #dbMs: number | undefined;

  constructor(request: FastifyRequest, tracing: Tracing | undefined) {
    const route = request.routeOptions.url ?? '(none)';
    this.#tracing = tracing;
    this.#parent = receivedTrace(request);
    this.#span = tracing?.start(`${request.method} ${route}`, {
      kind: 'server',
      parent: this.#parent,
      attributes: {
        'http.request.method': request.method,
        'http.route': route,
        'url.path': request.url.split('?', 1)[0] ?? '/',
      },
    });
  }

  get sampled(): boolean {
    return this.#span?.context.sampled === true;
  }

  /** Call it when the token is verified. */
  authenticated(): void {
    this.#authMs = performance.now() - this.#startedAt;
  }

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
      timing: (pool, waitMs, ms, isFailed) => {
        if (isFailed) return;
        this.#waitMs += waitMs;
        this.#dbMs = (this.#dbMs ?? 0) + ms;
        span?.end({ 'tidemark.pool': pool, 'tidemark.wait_ms': waitMs });
        if (span) this.#open.delete(span);
      },
      ...(span?.context.sampled ? { announce: span.traceparent } : {}),
    };
  }

  /** The value of `Server-Timing`, in ms. `wait`: for a connection. Steps that did not happen are left out. */
  serverTiming(): string {
    let text = `auth;dur=${ms(this.#authMs)}`;
    if (this.#planMs !== undefined) text += `, plan;dur=${ms(this.#planMs)}`;
    if (this.#dbMs !== undefined) text += `, wait;dur=${ms(this.#waitMs)}, db;dur=${ms(this.#dbMs)}`;
    text += `, total;dur=${ms(performance.now() - this.#startedAt)}`;
    return this.#span ? `${text}, traceparent;desc="${this.#span.traceparent}"` : text;
  }

  end(reply: FastifyReply): void {
    const { statusCode } = reply;
    for (const span of this.#open) span.end(undefined, 'not answered');
    this.#span?.end({ 'http.response.status_code': statusCode }, failureOf(reply));
  }
}

function failureOf({ raw, statusCode }: FastifyReply): string | undefined {
  if (!raw.writableFinished) return 'the client went away';
  return statusCode >= 500 ? String(statusCode) : undefined;
}

const ms = (value: number): string => value.toFixed(2);
