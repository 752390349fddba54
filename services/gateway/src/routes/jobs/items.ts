/** GET /api/v1/jobs/<id>/{items,results,failures}: rows of tidemark.job_items by index, a page at a time. */
import type { BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { JobParams, type JobRequest, readRows } from './job-rows.ts';

const DEFAULT_LIMIT = 100;
const ItemsQuery = Type.Object({
  after: Type.Optional(Type.Integer({ minimum: 0, description: 'index of the last item of the page before' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULT_LIMIT })),
  code: Type.Optional(Type.String({ maxLength: 64 })),
  group: Type.Optional(Type.Enum(['code'])),
});
interface ItemsRequest extends JobRequest {
  Querystring: { after?: number; limit?: number; code?: string; group?: 'code' };
}

const answerSql = (rows: string) =>
  `select exists (select from tidemark.jobs where id = $1) as found, (select coalesce(json_agg("_r"), '[]') from (${rows}) as "_r") as rows`;

const GROUPS = answerSql('select * from tidemark.job_failures($1)');
/** $2: after, $3: limit, $4: code or null. */
const itemsOf = (columns: string, condition: string) =>
  answerSql(`select ${columns} from tidemark.job_items
    where job_id = $1 and index > $2::int and ${condition} and ($4::text is null or code = $4::text) order by index limit $3::int`);

/** The list also has items that are planned and not done, which have no code. */
const ALL_ITEMS = answerSql('select * from tidemark.items_of_job($1, $2::int, $3::int)');

const PAGES = {
  items: itemsOf('index, state, attempts, input, value, files, code, error, duration_ms, ended_at', 'true'),
  results: itemsOf('index, input, value, files, duration_ms, ended_at', "state = 'succeeded'"),
  failures: itemsOf('index, attempts, input, code, error, duration_ms, ended_at', "state = 'failed'"),
};

interface ItemsRow {
  found: boolean;
  rows: { index: number }[];
}

export function registerJobItems(app: BaseApp, context: RouteContext): void {
  for (const [name, text] of Object.entries(PAGES)) {
    const path = `/api/v1/jobs/:id/${name}`;
    app.get<ItemsRequest>(path, { schema: { params: JobParams, querystring: ItemsQuery } }, async (request, reply) => {
      const { id } = request.params;
      const { after = -1, limit = DEFAULT_LIMIT, code, group } = request.query;
      if (name === 'failures' && group) return answer(context, request, reply, { id, text: GROUPS, params: [id] });
      const page = [id, after, limit];
      const rows = await answer(
        context,
        request,
        reply,
        name === 'items' && code === undefined
          ? { id, text: ALL_ITEMS, params: page }
          : { id, text, params: [...page, code ?? null] },
      );
      const last = rows.at(-1);
      // A full page may be the last one: the next is empty then.
      if (last && rows.length === limit) {
        const next = new URLSearchParams({ after: String(last.index), limit: String(limit), ...(code && { code }) });
        reply.header('link', `</api/v1/jobs/${id}/${name}?${next}>; rel="next"`);
      }
      return rows;
    });
  }
}

async function answer(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  { id, text, params }: { id: string; text: string; params: (string | number | null)[] },
) {
  const { rows, tidemark } = await readRows<ItemsRow>(context, request, { text, params });
  if (!rows[0]?.found) throw errors.JOB_NOT_FOUND({ id });
  reply.header('tidemark', tidemark);
  return rows[0].rows;
}
