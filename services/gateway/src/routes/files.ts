/** /api/v1/files: lists and downloads what row-level security on tidemark.files lets the caller see. */
import type { FileRow } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { errors } from '../errors.ts';
import { readIdentity } from '../reply/identity-settings.ts';
import type { RouteContext } from './context.ts';

const ListQuery = Type.Object({
  prefix: Type.Optional(Type.String({ maxLength: 512 })),
  after: Type.Optional(Type.String({ maxLength: 1_024 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
});
const FileId = Type.Object({ id: Type.String({ format: 'uuid' }) });

interface ListRequest {
  Querystring: { prefix?: string; after?: string; limit?: number };
}

export function registerFiles(app: BaseApp, context: RouteContext): void {
  app.get<ListRequest>('/api/v1/files', { schema: { querystring: ListQuery } }, async (request) => {
    const { prefix = '', after, limit = 100 } = request.query;
    const identity = readIdentity(request, 'tidemark');
    const files = await context.files.registry.list(identity, { prefix, limit, ...(after ? { after } : {}) });
    return files.map(shown);
  });
  app.get<{ Params: { id: string } }>('/api/v1/files/:id', { schema: { params: FileId } }, (request, reply) =>
    download(context, request, reply, request.params.id),
  );
}

async function download(context: RouteContext, request: FastifyRequest, reply: FastifyReply, id: string) {
  const file = await context.files.registry.find(readIdentity(request, 'tidemark'), id);
  if (!file) throw errors.FILE_NOT_FOUND({ id });
  const etag = `"${file.sha256}"`;
  reply
    .header('etag', etag)
    .header('last-modified', new Date(file.created_at).toUTCString())
    // The content of a file never changes: its name is its hash. Who may see it can, hence private.
    .header('cache-control', 'private, max-age=31536000, immutable')
    .header('x-content-type-options', 'nosniff');
  if (request.headers['if-none-match']?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag)) {
    return reply.code(304).send();
  }
  reply.type(file.content_type).header('content-length', String(file.size));
  reply.header(
    'content-disposition',
    `inline; filename*=UTF-8''${encodeURIComponent(file.path.split('/').at(-1) ?? id)}`,
  );
  if (request.method === 'HEAD') return reply.send();
  const { stream } = await context.files.store.open(file.storage_key);
  return reply.send(stream);
}

/** Without where the bytes are. */
function shown(file: FileRow) {
  const { storage_key: _storageKey, ...rest } = file;
  return { ...rest, href: `/api/v1/files/${file.id}` };
}
