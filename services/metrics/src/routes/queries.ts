/** Figures of the statements that the instances ran. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import type { RouteContext } from '../context.ts';
import { mergedStatements } from '../instances/statements.ts';
import { ListQuery } from './list-query.ts';

export const queriesRoute = fp(
  async (app: BaseApp, { monitor }: RouteContext) => {
    app.get('/queries/stats', { schema: { querystring: ListQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      return { at, statements: mergedStatements(instances).slice(0, request.query.limit) };
    });

    app.get('/queries/summary', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, instances } = monitor.health();
      const statements = mergedStatements(instances);
      const sum = (key: 'callsTotal' | 'errorsTotal' | 'slowTotal' | 'rowsTotal' | 'totalMs') =>
        statements.reduce((total, statement) => total + statement[key], 0);
      const calls = sum('callsTotal');
      return {
        at,
        statements: statements.length,
        callsTotal: calls,
        errorsTotal: sum('errorsTotal'),
        slowTotal: sum('slowTotal'),
        rowsTotal: sum('rowsTotal'),
        totalMs: sum('totalMs'),
        meanMs: calls === 0 ? null : sum('totalMs') / calls,
        slowRate: calls === 0 ? null : sum('slowTotal') / calls,
      };
    });
  },
  { name: 'performance-queries', dependencies: ['operators-only'] },
);
