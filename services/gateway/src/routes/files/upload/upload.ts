/**
 * PUT and POST /api/v1/files/<path>, POST /api/v1/files: PUT replaces the file of that path under a new id; POST does
 * not.
 */
import { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import { fileErrors, type UploadedFile, type UploadOptions } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { discardBody } from '../../../http/discard-body.ts';
import { identityOf } from '../../../request/identity-of.ts';
import type { FileContext } from '../context.ts';
import { fileRequestErrors } from '../errors.ts';
import { checkPath } from '../path.ts';
import { shownFile } from '../shown-file.ts';
import { receiveForm } from './form.ts';
import { receive } from './receive.ts';
import { saveRows, tryRows } from './save-rows.ts';
import { metadataOf, targetOf, type UploadFields } from './upload-fields.ts';
import type { UploadSlot } from './upload-slots.ts';
import { watchUpload } from './upload-watch.ts';

type UploadRequest = FastifyRequest<{ Params: { '*'?: string }; Querystring: UploadFields }>;

export function registerFileUpload(app: BaseApp, context: FileContext): void {
  // In this scope a body of any type stays a stream.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    await scope.register(multipart, { throwFileSizeLimit: false });
    scope.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    for (const [method, url] of [
      ['PUT', '/api/v1/files/*'],
      ['POST', '/api/v1/files/*'],
      ['POST', '/api/v1/files'],
    ] as const) {
      scope.route<{ Params: { '*'?: string } }>({
        method,
        url,
        config: { longBody: true },
        handler: (request, reply) => upload(context, request as UploadRequest, reply),
      });
    }
  });
}

async function upload(context: FileContext, request: UploadRequest, reply: FastifyReply) {
  const { FILES_STALL_TIMEOUT_MS: stallMs, FILES_MIN_BYTES_PER_S: minBytesPerS } = context.config;
  const watch = watchUpload(request.raw, { stallMs, minBytesPerS });
  let slot: UploadSlot | undefined;
  const takeSlot = () => {
    slot ??= context.uploads.take(identityOf(request));
    return slot;
  };
  try {
    return await take(context, request, reply, watch.signal, takeSlot);
  } catch (error) {
    discardBody(request.raw);
    throw error;
  } finally {
    watch.stop();
    slot?.release();
  }
}

async function take(
  context: FileContext,
  request: UploadRequest,
  reply: FastifyReply,
  signal: AbortSignal,
  takeSlot: () => UploadSlot,
) {
  const limitBytes = context.config.FILES_MAX_BYTES;
  const given = request.params['*'];
  const path = given === undefined ? undefined : checkPath(given);
  const replace = request.method === 'PUT' && request.headers['if-none-match'] !== '*';
  const fields = fieldsOf(request);
  let files: UploadedFile[];
  let options: UploadOptions = { ...targetOf(fields), replace };
  const metadata = metadataOf(fields.metadata);
  if (request.isMultipart()) {
    const form = { path, fields, replace, limitBytes, signal, takeSlot };
    ({ files, options } = await receiveForm(context, request, form));
  } else {
    if (path === undefined) throw fileRequestErrors.FORM({ reason: 'POST /api/v1/files takes multipart/form-data' });
    const declaredBytes = Number(request.headers['content-length'] ?? 1);
    if (declaredBytes > limitBytes) throw fileErrors.TOO_LARGE({ limitBytes });
    await tryRows(context, request, path, Math.max(declaredBytes, 1), options);
    const { key, ...stored } = await receive(context.files.store, bodyStream(request), {
      declared: declaredType(request),
      limitBytes,
      signal,
      onBytes: takeSlot().add,
    });
    files = [{ path, ...stored, storageKey: key, metadata }];
  }
  const saved = await saveRows(context, request, files, options);
  const shown = saved.files.map(shownFile);
  reply.code(saved.replaced > 0 ? 200 : 201).header('tidemark', saved.tidemark);
  if (path === undefined) return reply.send(shown);
  return reply.header('location', shown[0]!.href).send(shown[0]);
}

/** A repeated parameter is a list, of which the last value counts. */
function fieldsOf({ query }: UploadRequest): UploadFields {
  const { owner, bucket, visibility, metadata } = query as Record<string, string | string[] | undefined>;
  const last = (value: string | string[] | undefined) => (Array.isArray(value) ? value.at(-1) : value);
  const given = { owner: last(owner), bucket: last(bucket), visibility: last(visibility), metadata: last(metadata) };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** curl sends this type unless it is given one. */
const CURL_DEFAULT = 'application/x-www-form-urlencoded';

function declaredType(request: UploadRequest): string | undefined {
  const type = request.headers['content-type'];
  return type === CURL_DEFAULT ? undefined : type;
}

/** Fastify calls no parser for an empty body without a type, so that there is no stream. */
function bodyStream(request: UploadRequest): Readable {
  return request.body instanceof Readable ? request.body : Readable.from([]);
}
