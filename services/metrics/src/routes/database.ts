/** Tables and indexes of the database, the largest first. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { Collected } from '../collectors/collectors.ts';
import { MAX_INDEXES } from '../collectors/postgres-indexes.ts';
import { MAX_TABLES } from '../collectors/postgres-tables.ts';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';

const TablesQuery = Type.Object({ limit: Type.Integer({ default: 50, minimum: 1, maximum: MAX_TABLES }) });
const IndexesQuery = Type.Object({ limit: Type.Integer({ default: 50, minimum: 1, maximum: MAX_INDEXES }) });

export const databaseRoute = fp(
  async (app: BaseApp, { collectors }: RouteContext) => {
    function collected<K extends 'tables' | 'indexes'>(key: K) {
      const { error, collectedAt } = collectors.states().find(({ name }) => name === `postgres ${key}`) ?? {};
      const value = collectors.values()[key];
      if (!value) throw errors.POSTGRES_UNREACHABLE({ reason: error ?? 'Postgres has not answered yet' });
      return { at: collectedAt ?? null, value: value as NonNullable<Collected[K]> };
    }

    app.get('/database/tables', { schema: { querystring: TablesQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, value } = collected('tables');
      return { at, ...value, tables: value.tables.slice(0, request.query.limit) };
    });

    app.get('/database/indexes', { schema: { querystring: IndexesQuery } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      const { at, value } = collected('indexes');
      return { at, ...value, indexes: value.indexes.slice(0, request.query.limit) };
    });
  },
  { name: 'performance-database', dependencies: ['operators-only'] },
);
