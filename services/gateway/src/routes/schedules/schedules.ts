/** /api/v1/schedules: rows of tidemark.job_schedules, which grants and policies protect. */
import { CreateSchedule, type Schedule, TidemarkError } from '@tidemark/contracts';
import type { Param, Rows } from '@tidemark/db';
import { authErrors, type BaseApp, readPattern } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { askedBy } from '../../request/asked.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bodyAs } from '../jobs/body.ts';
import { readRows } from '../jobs/job-rows.ts';
import { checkKind } from '../jobs/submit.ts';

const Params = Type.Object({ id: Type.String({ format: 'uuid' }) });
interface ScheduleRequest {
  Params: { id: string };
}
const Page = Type.Object({
  after: Type.Optional(Type.String({ format: 'date-time', description: 'due_at of the last run of the page before' })),
});
interface RunsRequest extends ScheduleRequest {
  Querystring: { after?: string };
}

const LIMIT = 100;
const COLUMNS =
  's.id, s.name, s.pattern, s.time_zone, s.kind, s.spec, s.priority, s.missed, s.overlap, s.paused, s.next_at, s.error, s.created_at';
const rowsOf = (from: string, tail = '') =>
  `select row_to_json("_s") as schedule from (select ${COLUMNS} from ${from} as s ${tail}) as "_s"`;

const LIST = rowsOf('tidemark.job_schedules', `order by s.created_at desc, s.id limit ${LIMIT}`);
const SHOW = rowsOf('tidemark.job_schedules', 'where s.id = $1');
const CREATE = rowsOf('tidemark.create_schedule($1, $2, $3, $4, $5, $6, $7, $8)');
const RUNS = `select row_to_json("_r") as run from (
    select due_at, state, job_id, error, decided_at from tidemark.job_schedule_runs
    where schedule_id = $1 and ($2::timestamptz is null or due_at < $2::timestamptz) order by due_at desc limit ${LIMIT}
  ) as "_r"`;

const createSchedule = Compile(CreateSchedule);
const EXAMPLE =
  'Send {"name": "nightly", "pattern": "30 2 * * *", "time_zone": "Europe/Berlin", "kind": "…", "spec": {…}}.';

export const scheduleRoutes = fp(
  async (app: BaseApp, context: RouteContext) => {
    app.post('/api/v1/schedules', async (request, reply) => {
      if (!request.caller.authenticated) throw authErrors.REQUIRED();
      const body = bodyAs(createSchedule, request, EXAMPLE);
      const {
        name,
        pattern,
        kind,
        spec,
        time_zone = 'UTC',
        priority = 'normal',
        missed = 'once',
        overlap = 'skip',
      } = body;
      // Batch reads the pattern again, by Postgres's time.
      readPattern(pattern, time_zone, new Date());
      await checkKind(context, request, { kind, spec });
      const params = [name, pattern, kind, JSON.stringify(spec), time_zone, priority, missed, overlap];
      const schedule = await change(context, request, reply, CREATE, params);
      return reply.code(201).header('location', `/api/v1/schedules/${schedule.id}`).send(schedule);
    });
    app.get('/api/v1/schedules', async (request, reply) => {
      const { rows, tidemark } = await readRows<{ schedule: Schedule }>(context, request, { text: LIST });
      return reply.header('tidemark', tidemark).send(rows.map(({ schedule }) => schedule));
    });
    const options = { schema: { params: Params } };
    app.get<ScheduleRequest>('/api/v1/schedules/:id', options, (request, reply) => show(context, request, reply));
    app.get<RunsRequest>(
      '/api/v1/schedules/:id/runs',
      { schema: { params: Params, querystring: Page } },
      async (request, reply) => {
        const { id } = request.params;
        await show(context, request, reply);
        const statement = { text: RUNS, params: [id, request.query.after ?? null] };
        const { rows } = await readRows<{ run: { due_at: string } }>(context, request, statement);
        const last = rows.at(-1);
        if (last && rows.length === LIMIT) {
          const next = new URLSearchParams({ after: last.run.due_at });
          reply.header('link', `</api/v1/schedules/${id}/runs?${next}>; rel="next"`);
        }
        return rows.map(({ run }) => run);
      },
    );
    for (const action of ['pause', 'resume', 'run'] as const) {
      app.post<ScheduleRequest>(`/api/v1/schedules/:id/${action}`, options, (request, reply) =>
        change(context, request, reply, rowsOf(`tidemark.${action}_schedule($1)`), [request.params.id]),
      );
    }
    app.delete<ScheduleRequest>('/api/v1/schedules/:id', options, (request, reply) =>
      change(context, request, reply, rowsOf('tidemark.delete_schedule($1)'), [request.params.id]),
    );
  },
  { name: 'schedule-routes', dependencies: ['bodies', 'identity'] },
);

async function show(
  context: RouteContext,
  request: FastifyRequest<ScheduleRequest>,
  reply: FastifyReply,
): Promise<Schedule> {
  const { id } = request.params;
  const { rows, tidemark } = await readRows<{ schedule: Schedule }>(context, request, { text: SHOW, params: [id] });
  if (!rows[0]) throw errors.SCHEDULE_NOT_FOUND({ id });
  reply.header('tidemark', tidemark);
  return rows[0].schedule;
}

async function change(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  text: string,
  params: readonly Param[],
): Promise<Schedule> {
  if (!request.caller.authenticated) throw authErrors.REQUIRED();
  const { results, tidemark } = await context.db
    .write({
      identity: fullIdentity(request, { schema: 'tidemark' }),
      statements: [{ text, params }],
      ...askedBy(request, { holder: { route: `${request.method} ${request.routeOptions.url}` } }),
    })
    .catch((error: unknown) => {
      const { id = '' } = request.params as { id?: string };
      // The functions of the database raise it for a schedule that the caller does not see.
      const isMissing = error instanceof TidemarkError && error.code === 'PT404';
      throw isMissing ? errors.SCHEDULE_NOT_FOUND({ id }, { cause: error }) : error;
    });
  reply.header('tidemark', tidemark);
  return (results[0] as Rows<{ schedule: Schedule }>)[0]!.schedule;
}
