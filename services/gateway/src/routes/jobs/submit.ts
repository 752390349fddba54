/** POST /api/v1/jobs: starts a job by tidemark.submit_job. */
import { CreateJob } from '@tidemark/contracts';
import type { Row, Rows } from '@tidemark/db';
import { authErrors, type BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import { Compile } from 'typebox/compile';
import type { RouteContext } from '../../context.ts';
import { askedBy } from '../../request/asked.ts';
import { fullIdentity } from '../../request/identity-settings.ts';
import { bodyAs } from './body.ts';
import { changeJob, readRows } from './job-rows.ts';
import { checkSpec, kindsSql, type RegisteredKind } from './kinds.ts';

const createJob = Compile(CreateJob);
const EXAMPLE =
  'Send {"kind": "image.transform", "spec": {"input": {"prefix": "…"}, "transform": {…}}, "priority": "normal"}.';

export function registerSubmitJob(app: BaseApp, context: RouteContext): void {
  app.post('/api/v1/jobs', async (request, reply) => {
    if (!request.caller.authenticated) throw authErrors.REQUIRED();
    const body = bodyAs(createJob, request, EXAMPLE);
    await checkKind(context, request, body);
    const key = request.headers['idempotency-key'];
    const { kind, spec, priority = 'normal', run_at = null, deadline = null } = body;
    const atLeast = body.at_least ?? (typeof request.headers.tidemark === 'string' ? request.headers.tidemark : null);
    const job = await changeJob(context, request, reply, {
      sql: 'tidemark.submit_job($1, $2, $3, $4, $5, $6, $7)',
      params: [
        kind,
        JSON.stringify(spec),
        priority,
        run_at,
        deadline,
        typeof key === 'string' ? key : null,
        atLeast || null,
      ],
    });
    return reply.code(202).header('location', `/api/v1/jobs/${job.id}`).send(job);
  });
}

/** @throws GATEWAY_JOB_INVALID where the kind is unknown or the spec does not fit its schema */
export async function checkKind(
  context: RouteContext,
  request: FastifyRequest,
  { kind, spec }: Pick<CreateJob, 'kind' | 'spec'>,
): Promise<void> {
  const statement = { text: kindsSql };
  const { rows } = await readRows<RegisteredKind>(context, request, statement);
  try {
    checkSpec(rows, kind, spec);
  } catch {
    // The primary decides: a replica may not have replayed the registration of a kind, or of its new version.
    const { results } = await context.db.write({
      identity: fullIdentity(request, { schema: 'tidemark' }),
      statements: [statement],
      ...askedBy(request, { holder: { route: `POST ${request.routeOptions.url}` } }),
    });
    checkSpec(results[0] as Rows<RegisteredKind & Row>, kind, spec);
  }
}
