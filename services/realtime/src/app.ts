/** The HTTP side of the service: composes the app, never listens, never reads the environment. */
import { type BaseApp, buildBaseApp, type Descriptors, operatorCheck, type ServiceBase } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import type { Config } from './config.ts';
import type { RealtimeEvent } from './events.ts';
import { liveRoutes } from './routes/live.ts';
import type { Admission } from './sockets/admission.ts';
import type { Sockets } from './sockets/sockets.ts';
import type { EventStreams } from './sse/event-streams.ts';

/** Limit of URL and headers, as in the gateway: the query of an event stream is in its URL. */
const HEADER_BYTES = 60 * 1024;

export interface AppDependencies extends ServiceBase<RealtimeEvent> {
  readonly config: Config;
  readonly admission: Admission;
  readonly sockets: Sockets;
  readonly streams: EventStreams;
  readonly descriptors: Descriptors;
}

export function buildApp({ config, admission, sockets, streams, ...deps }: AppDependencies): BaseApp {
  const app = buildBaseApp({
    ...deps,
    metricsPage: config,
    isOperator: operatorCheck((token, request: FastifyRequest) =>
      admission.verifyToken(token, admission.addressOf(request.raw)),
    ),
    server: { http: { maxHeaderSize: HEADER_BYTES } } as object,
  });
  app.register(liveRoutes, { sockets, streams, admission, maxPayload: config.MAX_FRAME_BYTES });
  return app;
}
