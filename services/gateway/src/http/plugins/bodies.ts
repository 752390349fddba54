/** Reads request bodies as text: Postgres parses the JSON, so that no number loses digits on the way. */
import type { IncomingMessage } from 'node:http';
import type { BaseApp, Metrics } from '@tidemark/service';
import { errorCodes, type FastifyRequest, type RouteOptions } from 'fastify';
import fp from 'fastify-plugin';
import { errors } from '../../errors.ts';
import { RefusedBody } from '../../request/refused-body.ts';
import { discardBody } from '../discard-body.ts';
import { cutOffLater } from './body-deadline.ts';
import { codingError, textOf } from './body-text.ts';

const TEXT_TYPES = [
  'application/json',
  'application/vnd.pgrst.object+json',
  'application/vnd.pgrst.array+json',
  'text/csv',
  'text/plain',
  'text/xml',
  'application/x-www-form-urlencoded',
  'application/octet-stream',
];

/** Methods for which fastify always calls a body parser. */
const PARSED = new Set(['POST', 'PUT', 'PATCH']);

export interface BodyLimits {
  /** Bytes of one body. */
  readonly limit: number;
  /** Bytes of all bodies that have arrived in part. */
  readonly readingLimit: number;
  readonly timeoutMs: number;
  readonly metrics: Metrics;
}

interface Reading extends BodyLimits {
  bytes: number;
}

type Done = (error: Error | null, body?: unknown) => void;

export const bodies = fp(
  async (app: BaseApp, limits: BodyLimits) => {
    const reading: Reading = { ...limits, bytes: 0 };
    limits.metrics.gauge('tidemark_bodies_reading_bytes', 'Bytes of request bodies received in part', [], (gauge) =>
      gauge.set(reading.bytes),
    );
    app.removeAllContentTypeParsers();
    const parse = (request: FastifyRequest, payload: IncomingMessage, done: Done) =>
      readText(request, payload, reading, done);
    app.addContentTypeParser(TEXT_TYPES, parse);
    // As in PostgREST, a body without a type is JSON. This parser is also called for every other type.
    app.addContentTypeParser('*', (request, payload, done: Done) => {
      const type = request.headers['content-type'];
      if (type === undefined) parse(request, payload, done);
      else done(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE(type));
    });
    app.addHook('onRoute', (route: RouteOptions) => {
      const methods = [route.method].flat();
      if (methods.every((method) => PARSED.has(method))) route.config = { ownDeadline: true, ...route.config };
    });
  },
  { name: 'bodies', dependencies: ['body-deadline'] },
);

/** A body that arrived in one packet with its head is read at once: stream events cost as much as the rest of reading it. */
function readText(request: FastifyRequest, payload: IncomingMessage, limits: Reading, done: Done): void {
  const declared = request.headers['content-length'];
  const coding = codingError(request);
  if (coding !== undefined) done(null, refused(payload, coding));
  else if (declared !== undefined && Number(declared) > limits.limit) {
    const bytes = `Content-Length is ${declared.slice(0, 20)}`;
    done(null, refused(payload, errors.BODY_LIMIT({ bytes, maximum: limits.limit })));
  } else if (payload.complete) {
    readWhole(request, payload, limits, done);
  } else {
    // By then Node has parsed all that has arrived, of this request and of the others.
    setImmediate(() => {
      if (payload.complete) readWhole(request, payload, limits, done);
      else collect(request, payload, limits, done);
    });
  }
}

function readWhole(request: FastifyRequest, payload: IncomingMessage, { limit }: Reading, done: Done): void {
  const bytes: Buffer | null = payload.read();
  if (bytes === null) done(null, '');
  else if (bytes.length > limit) done(null, refused(payload, tooLong(bytes.length, limit)));
  else done(null, bodyOf(request, payload, bytes));
}

function bodyOf(request: FastifyRequest, payload: IncomingMessage, bytes: Buffer): string | RefusedBody {
  const text = textOf(request, bytes);
  return typeof text === 'string' ? text : refused(payload, text);
}

function collect(request: FastifyRequest, payload: IncomingMessage, reading: Reading, done: Done): void {
  const { limit, readingLimit, timeoutMs } = reading;
  const chunks: Buffer[] = [];
  let bytes = 0;
  const clearDeadline = cutOffLater(payload, timeoutMs);
  const end = (body: unknown) => {
    clearDeadline();
    reading.bytes -= bytes;
    payload.off('data', onData).off('end', onEnd).off('close', onClose);
    done(null, body);
  };
  const onData = (chunk: Buffer) => {
    bytes += chunk.length;
    reading.bytes += chunk.length;
    if (bytes > limit) end(refused(payload, tooLong(bytes, limit)));
    else if (reading.bytes > readingLimit) end(refused(payload, errors.BODIES_READING({ maximum: readingLimit })));
    else chunks.push(chunk);
  };
  const onEnd = () => end(bodyOf(request, payload, Buffer.concat(chunks, bytes)));
  // The client has left, but the request has to end. A stream that is cut off emits `error` as well.
  const onClose = () => end(refused(payload, errors.BODY_CUT({ bytes })));
  payload
    .on('data', onData)
    .once('end', onEnd)
    .once('close', onClose)
    .on('error', () => undefined);
}

function refused(payload: IncomingMessage, error: Error): RefusedBody {
  discardBody(payload);
  return new RefusedBody(error);
}

const tooLong = (bytes: number, maximum: number) =>
  errors.BODY_LIMIT({ bytes: `${bytes} bytes had arrived when it was cut off`, maximum });
