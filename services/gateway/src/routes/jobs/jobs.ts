/** /api/v1/jobs: a job is a row of tidemark.jobs, and these are its shorthands. */
import { CreateJob, type Job, TidemarkError } from '@tidemark/contracts';
import type { Rows, Statement } from '@tidemark/db';
import { authErrors, type BaseApp } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { wroteTable } from '../../cache/own-writes.ts';
import type { RouteContext } from '../../context.ts';
import { errors, postgrest } from '../../errors.ts';
import { askedBy } from '../../http/tracing/request-trace.ts';
import { fullIdentity, readIdentity } from '../../request/identity-settings.ts';
import { bodyOf } from '../../request/parse.ts';

const COLUMNS = 'id, kind, spec, priority, state, total, done, failed, error, created_at, started_at, finished_at';
/** A page of jobs: enough for a screen. */
const LIST_LIMIT = 100;

const JobId = Type.Object({ id: Type.String({ format: 'uuid' }) });
const createJob = Compile(CreateJob);

interface JsonRow {
  job: Job;
}

const asJson = (from: string) => `select row_to_json("_j") as job from (${from}) as "_j"`;

export const jobRoutes = fp(
  async (app: BaseApp, context: RouteContext) => {
    app.post('/api/v1/jobs', (request, reply) => startJob(context, request, reply));
    app.get('/api/v1/jobs', (request, reply) => listJobs(context, request, reply));
    app.get<{ Params: { id: string } }>('/api/v1/jobs/:id', { schema: { params: JobId } }, (request, reply) =>
      showJob(context, request, reply, request.params.id),
    );
    app.delete<{ Params: { id: string } }>('/api/v1/jobs/:id', { schema: { params: JobId } }, (request, reply) =>
      cancelJob(context, request, reply, request.params.id),
    );
  },
  { name: 'job-routes', dependencies: ['bodies', 'identity'] },
);

async function startJob(context: RouteContext, request: FastifyRequest, reply: FastifyReply) {
  requireToken(request);
  const body = parse(bodyOf(request));
  if (!createJob.Check(body)) {
    const [first] = createJob.Errors(body);
    throw postgrest.PGRST102({
      reason: `The job is not valid: ${first ? `${first.instancePath || '/'} ${first.message}` : 'it does not fit'}`,
      hint: 'Send {"kind": "image.transform", "spec": {"input": {"prefix": "…"}, "transform": {…}}, "priority": "normal"}.',
    });
  }
  // Granted columns only, and RETURNING only what the caller may read: Postgres decides.
  const statement: Statement = {
    text: `with "_new" as (insert into tidemark.jobs (kind, spec, priority) values ($1, $2, $3) returning ${COLUMNS}) ${asJson('select * from "_new"')}`,
    params: [body.kind, JSON.stringify(body.spec), body.priority ?? 'normal'],
  };
  const { results, tidemark } = await context.db.write({
    identity: fullIdentity(request, 'tidemark'),
    statements: [statement],
    ...askedBy(request, { holder: { route: 'POST /api/v1/jobs' } }),
  });
  wroteTable(context, 'tidemark', 'jobs', tidemark);
  const { job } = (results[0] as Rows<JsonRow>)[0] as JsonRow;
  return reply.code(201).header('tidemark', tidemark).header('location', `/api/v1/jobs/${job.id}`).send(job);
}

async function listJobs(context: RouteContext, request: FastifyRequest, reply: FastifyReply) {
  const { rows, tidemark } = await read(context, request, {
    text: asJson(`select ${COLUMNS} from tidemark.jobs order by created_at desc limit ${LIST_LIMIT}`),
  });
  return reply.header('tidemark', tidemark).send(rows.map((row) => row.job));
}

async function showJob(context: RouteContext, request: FastifyRequest, reply: FastifyReply, id: string) {
  const { rows, tidemark } = await read(context, request, {
    text: asJson(`select ${COLUMNS} from tidemark.jobs where id = $1`),
    params: [id],
  });
  if (!rows[0]) throw errors.JOB_NOT_FOUND({ id });
  return reply.header('tidemark', tidemark).send(rows[0].job);
}

/** The function runs with the caller's rights: the UPDATE policies on tidemark.jobs decide. A job that has ended stays as it is. */
async function cancelJob(context: RouteContext, request: FastifyRequest, reply: FastifyReply, id: string) {
  requireToken(request);
  const statement: Statement = {
    text: asJson(`select ${COLUMNS} from tidemark.cancel_job($1)`),
    params: [id],
  };
  const { results, tidemark } = await context.db
    .write({
      identity: fullIdentity(request, 'tidemark'),
      statements: [statement],
      ...askedBy(request, { holder: { route: 'DELETE /api/v1/jobs/:id' } }),
    })
    .catch((error: unknown) => {
      throw isCode(error, 'PT404') ? errors.JOB_NOT_FOUND({ id }, { cause: error }) : error;
    });
  wroteTable(context, 'tidemark', 'jobs', tidemark);
  return reply.header('tidemark', tidemark).send((results[0] as Rows<JsonRow>)[0]?.job);
}

const isCode = (error: unknown, code: string) => error instanceof TidemarkError && error.code === code;

function read(context: RouteContext, request: FastifyRequest, statement: Statement) {
  const tidemark = request.headers.tidemark;
  return context.db.read<JsonRow>({
    identity: readIdentity(request, 'tidemark'),
    statement,
    ...askedBy(request, { holder: { route: `${request.method} ${request.routeOptions.url}` } }),
    ...(typeof tidemark === 'string' && tidemark !== '' ? { tidemark } : {}),
  });
}

function requireToken(request: FastifyRequest): void {
  if (!request.caller.authenticated) throw authErrors.REQUIRED();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST102({ reason: 'Empty or invalid json', hint: 'Send the job as a JSON object.' }, { cause });
  }
}
