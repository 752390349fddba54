/** GET /api/v1/files?bucket=&prefix=&after=&limit= : a page of the files of one bucket or of all, by path in byte order. */
import { type FileFacts, listStatement } from '@tidemark/files';
import type { BaseApp } from '@tidemark/service';
import { Type } from 'typebox';
import { askedBy } from '../../request/asked.ts';
import { readIdentity } from '../../request/identity-settings.ts';
import { bucketOf } from './bucket.ts';
import type { FileContext } from './context.ts';
import { shownFile } from './shown-file.ts';

const DEFAULT_LIMIT = 100;
const ListQuery = Type.Object({
  bucket: Type.Optional(Type.String({ maxLength: 1_024 })),
  afterBucket: Type.Optional(Type.String({ maxLength: 1_024 })),
  prefix: Type.Optional(Type.String({ maxLength: 1_024 })),
  after: Type.Optional(Type.String({ maxLength: 1_024 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULT_LIMIT })),
  tidemark: Type.Optional(Type.String({ maxLength: 64 })),
});

interface ListRequest {
  Querystring: {
    bucket?: string;
    prefix?: string;
    after?: string;
    afterBucket?: string;
    limit?: number;
    tidemark?: string;
  };
}

export function registerFileList(app: BaseApp, context: FileContext): void {
  app.get<ListRequest>('/api/v1/files', { schema: { querystring: ListQuery } }, async (request, reply) => {
    const { prefix = '', after, afterBucket, limit = DEFAULT_LIMIT } = request.query;
    const bucket = bucketOf(request.query.bucket);
    const header = request.headers.tidemark;
    const tidemark = request.query.tidemark ?? (typeof header === 'string' && header !== '' ? header : undefined);
    const { text, params } = listStatement({ prefix, bucket, after, afterBucket, limit });
    const { rows, ...read } = await context.db.read<{ file: FileFacts }>({
      identity: readIdentity(request, { schema: 'tidemark' }),
      statement: { text: `select row_to_json("_f") as file from (${text}) as "_f"`, params },
      ...askedBy(request, { holder: { route: 'GET /api/v1/files' } }),
      ...(tidemark === undefined ? {} : { tidemark }),
    });
    const files = rows.map((row) => shownFile(row.file));
    const last = files.at(-1);
    if (last && files.length === limit) {
      const next = new URLSearchParams({ after: last.path, limit: String(limit) });
      if (prefix) next.set('prefix', prefix);
      if (bucket === undefined) next.set('afterBucket', last.bucket);
      else next.set('bucket', bucket);
      reply.header('link', `</api/v1/files?${next}>; rel="next"`);
    }
    return reply.header('tidemark', read.tidemark).header('tidemark-source', read.source).send(files);
  });
}
