/** Server-Timing and spans of requests. With both switched off there is no hook at all. */
import type { BaseApp, Tracing } from '@tidemark/service';
import type { FastPathStep } from '../fast-path/fast-path.ts';
import { RequestTrace } from './request-trace.ts';

export interface TraceOptions {
  tracing: Tracing | undefined;
  serverTiming: boolean;
}

/** Before the token is looked at. */
export function registerTraces(app: BaseApp, { tracing, serverTiming }: TraceOptions): void {
  app.decorateRequest('trace', undefined);
  if (!tracing && !serverTiming) return;
  app.addHook('onRequest', (request, reply, done) => {
    const trace = new RequestTrace(request, tracing);
    request.trace = trace;
    // Unlike onResponse, it comes for requests that are broken off, too.
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
}

/** For hits of the front. Where spans are made, each request goes the long way. */
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
