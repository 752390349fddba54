/** Jobs that wait or run, and what is wrong with them. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';

export const jobsRoute = fp(
  async (app: BaseApp, { collectors }: RouteContext) => {
    app.get('/jobs', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { jobs, finishedJobs, jobProblems } = collectors.values();
      const states = new Map(collectors.states().map((state) => [state.name, state]));
      const whyMissing = (name: string) => states.get(name)?.error ?? 'Postgres has not answered yet';
      const atOf = (name: string, value: unknown) =>
        value === undefined ? null : (states.get(name)?.collectedAt ?? null);
      return {
        at: atOf('jobs', jobs),
        why: jobs === undefined ? whyMissing('jobs') : null,
        queued: jobs?.queued ?? null,
        running: jobs?.running ?? null,
        active: jobs?.active ?? null,
        finished: {
          at: atOf('finished jobs', finishedJobs),
          why: finishedJobs === undefined ? whyMissing('finished jobs') : null,
          lastHour: finishedJobs?.finishedLastHour ?? null,
          failedLastHour: finishedJobs?.failedLastHour ?? null,
        },
        problems: {
          at: atOf('job problems', jobProblems),
          why: jobProblems === undefined ? whyMissing('job problems') : null,
          list: jobProblems ?? null,
        },
      };
    });
  },
  { name: 'performance-jobs', dependencies: ['operators-only'] },
);
