/** GET /api/v1/files?prefix=&after=&limit= : by path in byte order, a page at a time. */
import { type FileFacts, registryStatements } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import { Type } from 'typebox';
import type { FileContext } from '../files/context.ts';
import { shownFile } from '../files/shown-file.ts';
import { readIdentity } from '../reply/identity-settings.ts';

const DEFAULT_LIMIT = 100;
const ListQuery = Type.Object({
  prefix: Type.Optional(Type.String({ maxLength: 1_024 })),
  after: Type.Optional(Type.String({ maxLength: 1_024 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULT_LIMIT })),
  tidemark: Type.Optional(Type.String({ maxLength: 64 })),
});

interface ListRequest {
  Querystring: { prefix?: string; after?: string; limit?: number; tidemark?: string };
}

export function registerFileList(app: BaseApp, context: FileContext): void {
  app.get<ListRequest>('/api/v1/files', { schema: { querystring: ListQuery } }, async (request, reply) => {
    const { prefix = '', after = '', limit = DEFAULT_LIMIT } = request.query;
    const header = request.headers.tidemark;
    const tidemark = request.query.tidemark ?? (typeof header === 'string' && header !== '' ? header : undefined);
    const { rows, ...read } = await context.db.read<{ file: FileFacts }>({
      identity: readIdentity(request, 'tidemark'),
      statement: {
        text: `select row_to_json("_f") as file from (${registryStatements.list}) as "_f"`,
        params: [prefix, after, limit],
      },
      holder: { route: 'GET /api/v1/files' },
      ...(tidemark === undefined ? {} : { tidemark }),
    });
    const files = rows.map((row) => shownFile(row.file));
    const last = files.at(-1);
    // A full page may be the last one: the next is empty then.
    if (last && files.length === limit) {
      const next = new URLSearchParams({ ...(prefix ? { prefix } : {}), after: last.path, limit: String(limit) });
      reply.header('link', `</api/v1/files?${next}>; rel="next"`);
    }
    return reply.header('tidemark', read.tidemark).header('tidemark-source', read.source).send(files);
  });
}
