/**
 * Content-Encoding of every answer that is worth it, in one hook. @fastify/compress is not used: it leaves the ETag of the plain
 * bytes on compressed ones, takes no heed of `identity;q=0`, and makes a stream of each body, where a cached answer has its
 * compressed form ready.
 */
import { Readable } from 'node:stream';
import type { BaseApp, Metrics } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Cache } from '../cache/cache.ts';
import type { CachedAnswer } from '../cache/cached-answer.ts';
import { errors } from '../errors.ts';
import type { Choice, Coding } from './accept-encoding.ts';
import { codedEtag } from './coded-etag.ts';
import { availableCodecs } from './codings.ts';
import { isCompressible } from './compressible.ts';
import { registerCompressionMetrics } from './compression-metrics.ts';
import { Compressor } from './compressor.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** The answer whose body is sent, where the cache may hold it: it then keeps the compressed form too. */
    kept: CachedAnswer | undefined;
  }
  interface FastifyRequest {
    /** Of `Accept-Encoding`; undefined where it was not sent, or nothing is compressed here. */
    encoding: Choice | undefined;
  }
}

export interface CompressionOptions {
  /** Bytes; 0: nothing is compressed. */
  minBytes: number;
  gzipLevel: number;
  cache: Cache | undefined;
  metrics: Metrics;
}

type Done = (error: Error | null, payload?: unknown) => void;

export function registerCompression(app: BaseApp, { minBytes, gzipLevel, cache, metrics }: CompressionOptions): void {
  app.decorateReply('kept', undefined);
  const compressor = new Compressor(availableCodecs(undefined, gzipLevel));
  app.decorateRequest('encoding', {
    getter(this: FastifyRequest) {
      const header = minBytes === 0 ? undefined : this.headers['accept-encoding'];
      return typeof header === 'string' ? compressor.choose(header) : undefined;
    },
  });
  if (minBytes === 0) return;
  registerCompressionMetrics(metrics, compressor);
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!isLarge(payload, minBytes) || !mayBeCoded(reply)) return done();
    varyByEncoding(reply);
    const { encoding } = request;
    if (encoding === undefined) return done();
    if (encoding.coding !== undefined) return code(request, reply, payload, encoding.coding, done);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    // What a write did is told all the same.
    if (encoding.plain || !isRead || reply.statusCode >= 400) return done();
    done(errors.ENCODING({ asked: String(request.headers['accept-encoding']) }));
  });

  function code(request: FastifyRequest, reply: FastifyReply, payload: Payload, coding: Coding, done: Done): void {
    const { kept } = reply;
    const ready = kept?.body === payload ? kept.coded?.get(coding) : undefined;
    const compressing = ready ?? start(request, payload, coding, kept);
    if (compressing === undefined) done(null);
    else if (compressing instanceof Promise) {
      compressing.then((bytes) => {
        if (kept?.body === payload) cache?.keepCoded(kept, coding, bytes);
        head(reply, coding);
        done(null, bytes);
      }, done);
    } else {
      head(reply, coding);
      done(null, compressing);
    }
  }

  function start(request: FastifyRequest, payload: Payload, coding: Coding, kept: CachedAnswer | undefined) {
    if (!(payload instanceof Readable)) return compressor.compress(payload, coding, kept);
    // Of a stream, HEAD has the headers alone.
    return request.method === 'HEAD' ? payload : compressor.stream(payload, coding);
  }
}

type Payload = string | Buffer | Readable;

/** A stream is large until it has ended. Characters instead of bytes will do for text. */
function isLarge(payload: unknown, minBytes: number): payload is Payload {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length >= minBytes;
  return payload instanceof Readable;
}

/** Not twice, not what is a part of other bytes, and not against `no-transform`. */
function mayBeCoded(reply: FastifyReply): boolean {
  const type = reply.getHeader('content-type');
  if (typeof type !== 'string' || !isCompressible(type)) return false;
  if (reply.hasHeader('content-encoding') || reply.hasHeader('accept-ranges')) return false;
  const control = reply.getHeader('cache-control');
  return typeof control !== 'string' || !control.includes('no-transform');
}

function varyByEncoding(reply: FastifyReply): void {
  const vary = reply.getHeader('vary');
  if (vary === undefined) reply.header('vary', 'Accept-Encoding');
  else if (!/accept-encoding/i.test(String(vary))) reply.header('vary', `${vary}, Accept-Encoding`);
}

function head(reply: FastifyReply, coding: Coding): void {
  reply.removeHeader('content-length').header('content-encoding', coding);
  const etag = reply.getHeader('etag');
  if (typeof etag === 'string') reply.header('etag', codedEtag(etag, coding));
}
