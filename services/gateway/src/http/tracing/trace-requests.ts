import type { BaseApp, Tracing } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { FastPathStep } from '../fast-path/fast-path.ts';
import { RequestTrace } from './request-trace.ts';

export interface TraceOptions {
  readonly tracing: Tracing | undefined;
  readonly serverTiming: boolean;
}

/** Register it before `identity`, so that verifying the token is part of the trace. */
export const requestTraces = fp(
  async (app: BaseApp, { tracing, serverTiming }: TraceOptions) => {
    app.decorateRequest('trace', undefined);
    if (!tracing && !serverTiming) return;
    app.addHook('onRequest', (request, reply, done) => {
      const trace = new RequestTrace(request, tracing);
      request.trace = trace;
      // Unlike onResponse, the event also comes for requests that are broken off.
      if (tracing) reply.raw.once('close', () => trace.end(reply));
      done();
    });
    app.addHook('preParsing', (request, _reply, _payload, done) => {
      request.trace?.authenticated();
      done();
    });
    app.addHook('preHandler', (request, _reply, done) => {
      request.trace?.received();
      done();
    });
    if (!serverTiming) return;
    app.addHook('onSend', (request, reply, _payload, done) => {
      if (request.trace) reply.header('server-timing', request.trace.serverTiming());
      done();
    });
  },
  { name: 'request-traces' },
);

/** With tracing enabled, every request passes fastify. */
export function traceSteps({ tracing, serverTiming }: TraceOptions): readonly FastPathStep[] {
  const steps: FastPathStep[] = [];
  if (tracing) steps.push({ admit: () => false });
  if (serverTiming) {
    steps.push({
      drops: ['server-timing'],
      head: (_request, headers) => {
        headers.push('server-timing', 'cache;desc=hit');
      },
    });
  }
  return steps;
}
