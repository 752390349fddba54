/**
 * Adds to @fastify/compress: an ETag for each coding, Vary on plain responses, lists with a Content-Range, bodies
 * with their length, stored compressed forms, and a limit of concurrent compressions.
 */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { constants } from 'node:zlib';
import fastifyCompress from '@fastify/compress';
import type { FastifyReply, onSendHookHandler, RouteOptions } from 'fastify';
import type { BaseApp } from '../base-app-type.ts';
import { codedEtag } from './coded-etag.ts';
import { type Coding, codingOf, ENCODINGS, refusesPlain } from './coding.ts';
import { isCompressible } from './compressible.ts';
import { CompressionCounts } from './compression-counts.ts';

export interface Kept {
  readonly coded?: ReadonlyMap<Coding, Buffer>;
}

export interface KeptBodies<K extends Kept> {
  find(reply: FastifyReply, body: string | Buffer): K | undefined;
  keepCoded(kept: K, coding: Coding, bytes: Buffer): void;
}

export interface CompressionOptions<K extends Kept = Kept> {
  /** Smaller bodies stay plain, bytes; default 1,024. */
  readonly minBytes?: number;
  readonly gzipLevel?: number;
  readonly counts?: CompressionCounts;
  /** The error for a client that refuses plain bytes and accepts no coding. Absent: it gets plain bytes. */
  readonly unacceptable?: (asked: string) => Error;
  /** Each compressed form is stored here, so that it is made once. */
  readonly keptBodies?: KeptBodies<K> | undefined;
}

const DEFAULT_MIN_BYTES = 1_024;
/** Above level 6, time grows faster than size shrinks: from 6 to 9, 13 ms became 30 ms for 2 % fewer bytes of JSON rows. */
export const GZIP_LEVEL = 6;
/** Bodies up to this size are compressed synchronously, in under 1 ms; larger ones on a thread of Node's pool. */
const SYNC_BYTES = 16 * 1024;
/** Further responses are sent plain: a compression takes up to some MB, and four threads serve all. */
const MAX_PENDING = 64;

type Done = (error: Error | null, payload?: unknown) => void;
type Hook = (request: unknown, reply: FastifyReply, payload: unknown, done: Done) => void;

export async function registerCompression<K extends Kept>(
  app: BaseApp,
  options: CompressionOptions<K> = {},
): Promise<void> {
  const {
    minBytes = DEFAULT_MIN_BYTES,
    gzipLevel = GZIP_LEVEL,
    counts = new CompressionCounts(),
    keptBodies,
  } = options;
  if (minBytes === 0) return;
  /** Concurrent requests for the same body wait for the first. */
  const inFlight: Record<Coding, WeakMap<K, Promise<Buffer>>> = { br: new WeakMap(), gzip: new WeakMap() };
  await app.register(fastifyCompress, {
    globalDecompression: false,
    encodings: ENCODINGS,
    // isCompressible decides earlier; types that only it accepts would otherwise stay plain.
    customTypes: () => true,
    threshold: minBytes,
    syncThreshold: SYNC_BYTES,
    // Each chunk is flushed at once, so that a slow stream is not held back until a block is full.
    zlibOptions: { level: gzipLevel, flush: constants.Z_SYNC_FLUSH },
    brotliOptions: { flush: constants.BROTLI_OPERATION_FLUSH },
  });
  app.addHook('onRoute', (route: RouteOptions) => {
    const hooks = [route.onSend ?? []].flat();
    const compress = hooks.pop() as unknown as Hook;
    route.onSend = [around(compress), ...hooks];
  });

  function around(compress: Hook): onSendHookHandler {
    return (request, reply, payload, done: Done) => {
      if (!isLarge(payload, minBytes) || !mayBeCoded(reply)) return done(null);
      varyByEncoding(reply);
      const asked = request.headers['accept-encoding'] as string | undefined;
      const coding = codingOf(asked);
      if (coding === undefined) {
        const isRead = request.method === 'GET' || request.method === 'HEAD';
        // A write reports its result even to a client that refuses plain bytes.
        const refused = asked !== undefined && isRead && reply.statusCode < 400 && refusesPlain(asked);
        return done(refused ? (options.unacceptable?.(asked) ?? null) : null);
      }
      const sent = (bytes: unknown) => {
        reply.header('content-encoding', coding).removeHeader('content-length');
        const etag = reply.getHeader('etag');
        if (typeof etag === 'string') reply.header('etag', codedEtag(etag, coding));
        done(null, bytes);
      };
      if (payload instanceof Readable && request.method === 'HEAD') return sent(payload);
      const kept = payload instanceof Readable ? undefined : keptBodies?.find(reply, payload);
      const ready = kept?.coded?.get(coding);
      if (ready !== undefined) return sent(ready);
      const awaited = kept && inFlight[coding].get(kept);
      if (awaited !== undefined) return void awaited.then(sent, done);
      const isWhole = !(payload instanceof Readable);
      if (counts.pending >= MAX_PENDING && !(isWhole && payload.length <= SYNC_BYTES)) {
        counts.busy += 1;
        return done(null);
      }
      const restoreRange = hideRange(reply);
      compress(request, reply, payload, (error, coded) => {
        restoreRange();
        if (error || coded === undefined || coded === payload) return done(error);
        if (!Buffer.isBuffer(coded)) pend(coded as Readable);
        if (!isWhole) {
          counts.streams += 1;
          return sent(coded);
        }
        const finish = (bytes: Buffer) => {
          counts.bodies += 1;
          counts.bytesIn += Buffer.byteLength(payload);
          counts.bytesOut += bytes.length;
          if (kept) keptBodies?.keepCoded(kept, coding, bytes);
          return bytes;
        };
        if (Buffer.isBuffer(coded)) return sent(finish(coded));
        const compressing = buffer(coded as Readable).then(finish);
        if (kept) inFlight[coding].set(kept, compressing);
        compressing.finally(() => kept && inFlight[coding].delete(kept)).then(sent, done);
      });
    };
  }

  function pend(stream: Readable): void {
    counts.pending += 1;
    stream.once('close', () => {
      counts.pending -= 1;
    });
  }
}

/** A stream counts as large. The number of characters approximates the bytes of text well enough. */
function isLarge(payload: unknown, minBytes: number): payload is string | Buffer | Readable {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return payload.length >= minBytes;
  return payload instanceof Readable;
}

function mayBeCoded(reply: FastifyReply): boolean {
  const type = reply.getHeader('content-type');
  if (typeof type !== 'string' || !isCompressible(type)) return false;
  if (reply.hasHeader('content-encoding') || reply.hasHeader('accept-ranges')) return false;
  const control = reply.getHeader('cache-control');
  return typeof control !== 'string' || !control.includes('no-transform');
}

function varyByEncoding(reply: FastifyReply): void {
  const vary = reply.getHeader('vary');
  if (vary === undefined) reply.header('vary', 'accept-encoding');
  else if (!/accept-encoding/i.test(String(vary))) reply.header('vary', `${vary}, accept-encoding`);
}

/** @fastify/compress takes 206 and Content-Range for byte ranges; here they are ranges of rows. */
function hideRange(reply: FastifyReply): () => void {
  const range = reply.getHeader('content-range');
  const { statusCode } = reply;
  if (range === undefined) return () => undefined;
  reply.removeHeader('content-range').code(200);
  return () => void reply.header('content-range', range).code(statusCode);
}
