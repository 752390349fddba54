/** Profiles of the process of an instance, and collections of its garbage. */
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { MAX_PROFILE_SECONDS, ProcessAnswer } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { askInstances } from '../instances/ask.ts';
import { operatorToken } from '../plugins/operators-only.ts';

const Instance = Type.String({ minLength: 1, maxLength: 64, pattern: '^[^/]+$' });
const ProfileQuery = Type.Object({
  instance: Instance,
  worker: Type.Optional(
    Type.Integer({ minimum: 1, description: 'a worker by its id of workers/info; default: the main thread' }),
  ),
  what: Type.Enum(['cpu', 'heap'], {
    default: 'cpu',
    description: 'functions that take the time, or whose allocations stay in use',
  }),
  seconds: Type.Integer({ default: 10, minimum: 1, maximum: MAX_PROFILE_SECONDS }),
});
const SnapshotQuery = Type.Object({ instance: Instance });
const GcQuery = Type.Object({ instance: Type.Optional(Instance) });

/** Time for the answer beyond that of the profile. */
const ANSWER_MS = 5_000;
/** A heap of 2 GB takes some 20 s. */
const SNAPSHOT_MS = 60_000;
const unpack = promisify(gunzip);

export const processRoute = fp(
  async (app: BaseApp, { monitor, bus }: RouteContext) => {
    app.get('/profile', { schema: { querystring: ProfileQuery } }, async (request, reply) => {
      const { instance, ...asked } = request.query;
      const { what, seconds } = asked;
      const answer = await bus.ask<ProcessAnswer>(
        bus.subjects.inspect('process', instance),
        { token: operatorToken(request), ...asked },
        { schema: ProcessAnswer, timeoutMs: seconds * 1_000 + ANSWER_MS },
      );
      const name = `${instance.replace(/[^\w.-]/g, '_')}.${what}profile`;
      reply.header('cache-control', 'no-store').header('content-disposition', `attachment; filename="${name}"`);
      return reply.type('application/json').send(await unpack(Buffer.from(answer.profile ?? '', 'base64')));
    });
    app.post('/heap-snapshot', { schema: { querystring: SnapshotQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { instance } = request.query;
      const question = { token: operatorToken(request), what: 'snapshot', seconds: 0 };
      const options = { schema: ProcessAnswer, timeoutMs: SNAPSHOT_MS };
      const { file } = await bus.ask<ProcessAnswer>(bus.subjects.inspect('process', instance), question, options);
      return { instance, ...file };
    });
    app.post('/gc', { schema: { querystring: GcQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const question = { token: operatorToken(request), what: 'gc', seconds: 0 };
      const { at, instances } = monitor.health();
      const { instance: only } = request.query;
      const names = only === undefined ? instances.map(({ instance }) => instance).sort() : [only];
      const asked = await askInstances<ProcessAnswer>(bus, 'process', names, () => question, ProcessAnswer);
      const each = asked.answers.map(({ instance, answer: { freedBytes, heapUsedBytes } }) => ({
        instance,
        freedBytes,
        heapUsedBytes,
      }));
      return { at, instances: each, silent: asked.silent };
    });
  },
  { name: 'performance-process', dependencies: ['operators-only'] },
);
