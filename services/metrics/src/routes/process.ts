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
  what: Type.Enum(['cpu', 'heap'], {
    default: 'cpu',
    description: 'where time goes, or who allocates what stays in use',
  }),
  seconds: Type.Integer({ default: 10, minimum: 1, maximum: MAX_PROFILE_SECONDS }),
});
const GcQuery = Type.Object({ instance: Type.Optional(Instance) });

/** Beyond the time of the profile. */
const ANSWER_MS = 5_000;
const unpack = promisify(gunzip);

export const processRoute = fp(
  async (app: BaseApp, { monitor, bus }: RouteContext) => {
    app.get('/profile', { schema: { querystring: ProfileQuery } }, async (request, reply) => {
      const { instance, what, seconds } = request.query;
      const answer = await bus.ask<ProcessAnswer>(
        bus.subjects.inspect('process', instance),
        { token: operatorToken(request), what, seconds },
        { schema: ProcessAnswer, timeoutMs: seconds * 1_000 + ANSWER_MS },
      );
      const name = `${instance.replace(/[^\w.-]/g, '_')}.${what}profile`;
      reply.header('cache-control', 'no-store').header('content-disposition', `attachment; filename="${name}"`);
      return reply.type('application/json').send(await unpack(Buffer.from(answer.profile ?? '', 'base64')));
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
