/** POST /api/v1/jobs: starts a job by tidemark.submit_job. */
import { CreateJob } from '@tidemark/contracts';
import type { Row, Rows } from '@tidemark/db';
import { authErrors, type BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { Compile } from 'typebox/compile';
import type { RouteContext } from '../../context.ts';
import { errors, postgrest } from '../../errors.ts';
import { askedBy } from '../../http/tracing/request-trace.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bodyOf } from '../../request/parse.ts';
import { changeJob, readRows } from './job-rows.ts';
import { checkSpec, kindsSql, type RegisteredKind } from './kinds.ts';

const createJob = Compile(CreateJob);

export function registerSubmitJob(app: BaseApp, context: RouteContext): void {
  app.post('/api/v1/jobs', async (request, reply) => {
    if (!request.caller.authenticated) throw authErrors.REQUIRED();
    const body = bodyAsJob(bodyOf(request));
    await checkKind(context, request, body);
    const key = request.headers['idempotency-key'];
    const { kind, spec, priority = 'normal', run_at = null, deadline = null } = body;
    const job = await changeJob(context, request, reply, {
      sql: 'tidemark.submit_job($1, $2, $3, $4, $5, $6)',
      params: [kind, JSON.stringify(spec), priority, run_at, deadline, typeof key === 'string' ? key : null],
    });
    return reply.code(202).header('location', `/api/v1/jobs/${job.id}`).send(job);
  });
}

async function checkKind(context: RouteContext, request: FastifyRequest, { kind, spec }: CreateJob): Promise<void> {
  const statement = { text: kindsSql };
  const { rows } = await readRows<RegisteredKind>(context, request, statement);
  try {
    checkSpec(rows, kind, spec);
  } catch {
    // The primary decides: a replica may not have replayed the registration of a kind, or of its new version.
    const { results } = await context.db.write({
      identity: fullIdentity(request, 'tidemark'),
      statements: [statement],
      ...askedBy(request, { holder: { route: 'POST /api/v1/jobs' } }),
    });
    checkSpec(results[0] as Rows<RegisteredKind & Row>, kind, spec);
  }
}

function bodyAsJob(text: string): CreateJob {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw postgrest.PGRST102({ reason: 'Empty or invalid json', hint: 'Send the job as a JSON object.' }, { cause });
  }
  if (createJob.Check(body)) return body;
  const [first] = createJob.Errors(body);
  throw errors.JOB_INVALID({
    pointer: first?.instancePath || '/',
    problem: first?.message ?? 'does not fit',
    hint: 'Send {"kind": "image.transform", "spec": {"input": {"prefix": "…"}, "transform": {…}}, "priority": "normal"}.',
  });
}
