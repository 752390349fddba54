import { type Job, TidemarkError } from '@tidemark/contracts';
import type { Rows, Statement } from '@tidemark/db';
import { authErrors } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { wroteTable } from '../../cache/own-writes.ts';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { askedBy } from '../../request/asked.ts';
import { fullIdentity, readIdentity } from '../../request/identity-settings.ts';
import { announceTrace } from '../../writes/announce-trace.ts';

const COLUMNS =
  'j.id, j.kind, coalesce(j.spec, tidemark.job_spec(j)) as spec, j.priority, j.tenant, j.state, j.total, j.done, j.failed, j.planned_all, j.waits_for, j.error, j.run_at, j.deadline, j.at_least, j.tidemark, j.created_at, j.started_at, j.finished_at, t.wait_seconds, t.run_seconds, t.rate, t.eta';

export const JobParams = Type.Object({ id: Type.String({ format: 'uuid' }) });
export interface JobRequest {
  Params: { id: string };
}

/**
 * @param from a table or function of rows of tidemark.jobs, and `tail` follows it
 * @param more further columns
 */
export function jobsSql(from: string, tail = '', more = ''): string {
  return `select row_to_json("_j") as job from (select ${COLUMNS}${more} from ${from} as j, lateral tidemark.job_timing(j) as t ${tail}) as "_j"`;
}

export async function readJobs(context: RouteContext, request: FastifyRequest, statement: Statement) {
  const { rows, tidemark } = await readRows<{ job: Job }>(context, request, statement);
  return { jobs: rows.map((row) => row.job), tidemark };
}

export function readRows<R extends object>(context: RouteContext, request: FastifyRequest, statement: Statement) {
  const tidemark = request.headers.tidemark;
  return context.db.read<R>({
    identity: readIdentity(request, { schema: 'tidemark' }),
    statement,
    ...askedBy(request, { holder: { route: `${request.method} ${request.routeOptions.url}` } }),
    ...(typeof tidemark === 'string' && tidemark !== '' ? { tidemark } : {}),
  });
}

export async function changeJob(
  context: RouteContext,
  request: FastifyRequest,
  reply: FastifyReply,
  call: { sql: string; params: (string | null)[] },
): Promise<Job> {
  if (!request.caller.authenticated) throw authErrors.REQUIRED();
  const { announce, ...asked } = askedBy(request, {
    holder: { route: `${request.method} ${request.routeOptions.url}` },
  });
  const { results, tidemark } = await context.db
    .write({
      identity: fullIdentity(request, { schema: 'tidemark' }),
      statements: [
        ...(announce === undefined ? [] : [announceTrace(announce)]),
        { text: jobsSql(call.sql), params: call.params },
      ],
      ...asked,
    })
    .catch((error: unknown) => {
      const { id = '' } = request.params as { id?: string };
      throw isMissing(error) ? errors.JOB_NOT_FOUND({ id }, { cause: error }) : error;
    });
  wroteTable(context, 'tidemark', 'jobs', tidemark);
  reply.header('tidemark', tidemark);
  return ((results.at(-1) as Rows<{ job: Job }>)[0] as { job: Job }).job;
}

/** The functions of the database raise PT404 for a job that the caller does not see. */
const isMissing = (error: unknown) => error instanceof TidemarkError && error.code === 'PT404';
