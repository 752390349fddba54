/** GET and HEAD /api/v1/files/<id or path>, with a token, or for an id with a signature. A path belongs to the caller's bucket, or to `?bucket=`. */
import type { Identity } from '@tidemark/db';
import type { FileRow } from '@tidemark/files';
import { isInlineSafe } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { varyByIdentity } from '../../../reply/vary.ts';
import { readIdentity } from '../../../request/identity-settings.ts';
import { bucketOfQuery } from '../bucket.ts';
import type { FileContext } from '../context.ts';
import { fileRequestErrors } from '../errors.ts';
import { isFileId } from '../path.ts';
import { chooseRange } from './byte-range.ts';
import { checkPreconditions, ifRangeHolds, type Validators } from './preconditions.ts';

/** A year in seconds, the longest time that caches agree on. */
const FOREVER_S = 31_536_000;

type DownloadRequest = FastifyRequest<{
  Params: { '*': string };
  Querystring: { expires?: string; signature?: string; width?: string };
}>;

export function registerFileDownload(app: BaseApp, context: FileContext): void {
  app.route<{ Params: { '*': string } }>({
    method: ['GET', 'HEAD'],
    url: '/api/v1/files/*',
    config: { descriptors: true },
    handler: (request, reply) => download(context, request as DownloadRequest, reply),
  });
}

async function download(context: FileContext, request: DownloadRequest, reply: FastifyReply) {
  const width = context.thumbnails.widthOf(request.query.width);
  const { file, cacheControl } = await find(context, request);
  const validators: Validators = {
    etag: width === undefined ? `"${file.sha256}"` : context.thumbnails.etag(file, width),
    modified: Math.floor(new Date(file.created_at).getTime() / 1_000),
  };
  const checked = checkPreconditions(request.headers, validators);
  if (checked.outcome === 'failed') throw fileRequestErrors.PRECONDITION({ header: checked.header });
  reply
    .header('etag', validators.etag)
    .header('last-modified', new Date(validators.modified * 1_000).toUTCString())
    .header('cache-control', cacheControl)
    .header('accept-ranges', width === undefined ? 'bytes' : 'none');
  varyByIdentity(reply);
  if (checked.outcome === 'not modified') return reply.code(304).send();
  if (width !== undefined) {
    const { bytes, contentType } = await context.thumbnails.make(request, file, width).catch((error: unknown) => {
      // No cache may keep a failure for as long as the image.
      for (const name of ['cache-control', 'etag', 'last-modified']) reply.removeHeader(name);
      throw error;
    });
    describe(reply, { ...file, content_type: contentType });
    return reply.header('content-length', String(bytes.length)).send(bytes);
  }
  describe(reply, file);

  if (request.method === 'HEAD') return reply.header('content-length', String(file.size)).send();
  const isWanted = ifRangeHolds(request.headers['if-range'] as string | undefined, validators);
  const range = chooseRange(isWanted ? request.headers.range : undefined, file.size);
  if (range.kind === 'unsatisfiable') {
    for (const name of ['content-disposition', 'content-security-policy', 'cache-control', 'etag'])
      reply.removeHeader(name);
    reply.header('content-range', `bytes */${file.size}`);
    throw fileRequestErrors.RANGE({ range: String(request.headers.range), size: file.size });
  }
  if (range.kind === 'whole') {
    const { stream } = await context.files.store.open(file.storage_key);
    return reply.header('content-length', String(file.size)).send(stream);
  }
  const { start, end } = range;
  const { stream } = await context.files.store.open(file.storage_key, { start, end });
  return reply
    .code(206)
    .header('content-range', `bytes ${start}-${end}/${file.size}`)
    .header('content-length', String(end - start + 1))
    .send(stream);
}

async function find(context: FileContext, request: DownloadRequest): Promise<{ file: FileRow; cacheControl: string }> {
  const { registry } = context.files;
  const name = request.params['*'];
  const { expires, signature } = request.query;
  if (!isFileId(name)) {
    const file = await registry.findByPath(
      readIdentity(request, { schema: 'tidemark' }),
      name,
      bucketOfQuery(request.query),
    );
    if (!file) throw fileRequestErrors.NOT_FOUND({ file: name });
    // The file of a path may be replaced; then its ETag changes.
    return { file, cacheControl: 'private, no-cache' };
  }
  let maxAge = FOREVER_S;
  let identity: Identity = readIdentity(request, { schema: 'tidemark' });
  if (typeof signature === 'string') {
    const { left, signer } = context.signer.check(name, expires, signature);
    maxAge = Math.min(maxAge, left);
    identity = { ...identity, ...signer };
  }
  const file = await registry.find(identity, name);
  if (!file) throw fileRequestErrors.NOT_FOUND({ file: name });
  // The bytes of an id never change. The rights to them can, hence `private`.
  return { file, cacheControl: `private, max-age=${maxAge}, immutable` };
}

/** Sets headers so that no uploaded file can run as a page of this server. */
function describe(reply: FastifyReply, file: FileRow): void {
  const isInline = isInlineSafe(file.content_type);
  const name = encodeURIComponent(file.path.split('/').at(-1) as string).replace(/['()*]/g, percent);
  reply
    .type(file.content_type)
    .header('content-disposition', `${isInline ? 'inline' : 'attachment'}; filename*=UTF-8''${name}`)
    .header('x-content-type-options', 'nosniff');
  // Browsers show PDFs in a page of their own, which a sandbox would break.
  if (!file.content_type.startsWith('application/pdf')) {
    reply.header('content-security-policy', "default-src 'none'; sandbox");
  }
}

/** RFC 8187 excludes some characters that encodeURIComponent does not encode. */
const percent = (character: string) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
