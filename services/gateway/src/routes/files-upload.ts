/**
 * PUT and POST /api/v1/files/<path> with the bytes as the body, or as one file of a form; POST /api/v1/files with a form of
 * several. PUT replaces a file of that path, under a new id; POST does not. `?owner=` and `?metadata=` go into the row.
 */
import { Readable } from 'node:stream';
import multipart from '@fastify/multipart';
import { fileErrors, type UploadedFile, type UploadOptions } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FileContext } from '../files/context.ts';
import { fileRequestErrors } from '../files/errors.ts';
import { type FormDefaults, receiveForm } from '../files/form.ts';
import { linger } from '../files/lingering.ts';
import { checkPath } from '../files/path.ts';
import { receive } from '../files/receive.ts';
import { saveRows, tryRows } from '../files/save-rows.ts';
import { shownFile } from '../files/shown-file.ts';
import { metadataOf, ownerOf } from '../files/upload-fields.ts';

type UploadRequest = FastifyRequest<{ Params: { '*'?: string }; Querystring: { owner?: string; metadata?: string } }>;

export function registerFileUpload(app: BaseApp, context: FileContext): void {
  // A scope of its own: here a body of any type stays a stream.
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
  try {
    return await context.uploads.run(() => take(context, request, reply));
  } catch (error) {
    linger(request.raw);
    throw error;
  }
}

async function take(context: FileContext, request: UploadRequest, reply: FastifyReply) {
  const { config } = context;
  const limitBytes = config.FILES_MAX_BYTES;
  const given = request.params['*'];
  const path = given === undefined ? undefined : checkPath(given);
  const options = optionsOf(request);
  const metadata = metadataOf(request.query.metadata);
  const isForm = request.isMultipart();
  const declaredBytes = Number(request.headers['content-length'] ?? 1);
  if (!isForm && declaredBytes > limitBytes) throw fileErrors.TOO_LARGE({ limitBytes });
  if (path !== undefined && !isForm) await tryRows(context, request, path, Math.max(declaredBytes, 1), options);

  const receiveOptions = { limitBytes, stallMs: config.FILES_STALL_TIMEOUT_MS };
  let files: UploadedFile[];
  let owner = options.owner;
  if (isForm) {
    const defaults: FormDefaults = { path, metadata, owner, ...receiveOptions };
    ({ files, owner } = await receiveForm(context, request, defaults, options));
  } else {
    if (path === undefined) throw fileRequestErrors.FORM({ reason: 'POST /api/v1/files takes multipart/form-data' });
    const { key, ...stored } = await receive(context.files.store, bodyStream(request), {
      ...receiveOptions,
      declared: declaredType(request),
    });
    files = [{ path, ...stored, storageKey: key, metadata }];
  }
  const saved = await saveRows(context, request, files, { ...options, ...(owner === undefined ? {} : { owner }) });
  const shown = saved.files.map(shownFile);
  reply.code(saved.replaced > 0 ? 200 : 201).header('tidemark', saved.tidemark);
  if (path === undefined) return reply.send(shown);
  return reply.header('location', shown[0]!.href).send(shown[0]);
}

function optionsOf(request: UploadRequest): UploadOptions {
  const owner = ownerOf(request.query.owner);
  const replace = request.method === 'PUT' && request.headers['if-none-match'] !== '*';
  return { replace, ...(owner === undefined ? {} : { owner }) };
}

/** curl says this of any bytes it is not told the type of. */
const CURLS_DEFAULT = 'application/x-www-form-urlencoded';

function declaredType(request: UploadRequest): string | undefined {
  const type = request.headers['content-type'];
  return type === CURLS_DEFAULT ? undefined : type;
}

/** Fastify calls no parser for an empty body without a type. */
function bodyStream(request: UploadRequest): Readable {
  return request.body instanceof Readable ? request.body : Readable.from([]);
}
