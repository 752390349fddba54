/** POST /api/v1/jobs/<id>/{cancel,pause,resume,retry}, and DELETE: functions with the caller's rights, which UPDATE policies decide. */
import type { BaseApp } from '@tidemark/service';
import { Type } from 'typebox';
import type { RouteContext } from '../../context.ts';
import { changeJob, JobParams, type JobRequest } from './job-rows.ts';

const RetryQuery = Type.Object({
  code: Type.Optional(Type.String({ maxLength: 64, description: 'only items that failed with it' })),
});
interface RetryRequest extends JobRequest {
  Querystring: { code?: string };
}

export function registerJobControl(app: BaseApp, context: RouteContext): void {
  const options = { schema: { params: JobParams } };
  for (const action of ['cancel', 'pause', 'resume'] as const) {
    app.post<JobRequest>(`/api/v1/jobs/:id/${action}`, options, (request, reply) =>
      changeJob(context, request, reply, { sql: `tidemark.${action}_job($1)`, params: [request.params.id] }),
    );
  }
  app.delete<JobRequest>('/api/v1/jobs/:id', options, (request, reply) =>
    changeJob(context, request, reply, { sql: 'tidemark.cancel_job($1)', params: [request.params.id] }),
  );
  app.post<RetryRequest>(
    '/api/v1/jobs/:id/retry',
    { schema: { params: JobParams, querystring: RetryQuery } },
    (request, reply) =>
      changeJob(context, request, reply, {
        sql: 'tidemark.retry_job($1, $2)',
        params: [request.params.id, request.query.code ?? null],
      }),
  );
}
