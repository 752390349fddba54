/** Remedies of findings that an operator carries out, and those that were carried out. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { ListQuery } from './list-query.ts';

const Body = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 64, description: 'token of the remedy, from GET findings' }) },
  { additionalProperties: false },
);

export const actionsRoute = fp(
  async (app: BaseApp, { monitor, actions }: RouteContext) => {
    app.post('/findings/actions', { schema: { body: Body } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      if (!actions) throw errors.ACTIONS_OFF();
      const verified = request.operator?.verified;
      // A program has a service_role token, and may do all of it in the database by itself.
      if (verified?.role !== 'ops') throw errors.ACTION_ROLE({ role: verified?.role ?? 'none' });
      const { sub } = verified.claims;
      const person = { sub: typeof sub === 'string' ? sub : null, role: verified.role, address: request.ip };
      const isFound = (key: string) => monitor.health().findings.some((finding) => finding.key === key);
      return actions.carryOut(request.body.token, person, isFound);
    });

    app.get('/findings/actions', { schema: { querystring: ListQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      if (!actions) throw errors.ACTIONS_OFF();
      return { actions: await actions.latest(request.query.limit) };
    });
  },
  { name: 'performance-actions', dependencies: ['operators-only'] },
);
