/** /api/v1/jobs: shorthands for rows of tidemark.jobs. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../../context.ts';
import { errors } from '../../errors.ts';
import { registerJobControl } from './control.ts';
import { registerJobItems } from './items.ts';
import { JobParams, type JobRequest, jobsSql, readJobs } from './job-rows.ts';
import { registerSubmitJob } from './submit.ts';

const LIST_LIMIT = 100;
const LIST = jobsSql('tidemark.jobs', `order by j.created_at desc limit ${LIST_LIMIT}`);
// Counting the jobs before one is too much work for a list.
const SHOW = jobsSql('tidemark.jobs', 'where j.id = $1', ', tidemark.queue_position(j.id) as queue_position');

export const jobRoutes = fp(
  async (app: BaseApp, context: RouteContext) => {
    registerSubmitJob(app, context);
    registerJobControl(app, context);
    registerJobItems(app, context);
    app.get('/api/v1/jobs', async (request, reply) => {
      const { jobs, tidemark } = await readJobs(context, request, { text: LIST });
      return reply.header('tidemark', tidemark).send(jobs);
    });
    app.get<JobRequest>('/api/v1/jobs/:id', { schema: { params: JobParams } }, async (request, reply) => {
      const { id } = request.params;
      const { jobs, tidemark } = await readJobs(context, request, { text: SHOW, params: [id] });
      if (!jobs[0]) throw errors.JOB_NOT_FOUND({ id });
      return reply.header('tidemark', tidemark).send(jobs[0]);
    });
  },
  { name: 'job-routes', dependencies: ['bodies', 'identity'] },
);
