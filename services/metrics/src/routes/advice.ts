/** Indexes that cost more than they give, and advice that somebody has dismissed. */
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { adviseIndexes } from '../advice/index-advice.ts';
import { readServerScans } from '../advice/server-scans.ts';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';

const Dismissal = Type.Object(
  {
    key: Type.String({ minLength: 1, maxLength: 300, description: 'key of the advice' }),
    reason: Type.String({ minLength: 1, maxLength: 500 }),
  },
  { additionalProperties: false },
);
const Key = Type.Object({ key: Type.String({ maxLength: 300 }) });

const HOLDER = { holder: { route: 'index advice' }, timeoutMs: 5_000 };
const DISMISSED = 'select key, reason, dismissed_by as "dismissedBy" from tidemark.dismissed_advice limit 1000';
const DISMISS = `
insert into tidemark.dismissed_advice (key, reason, dismissed_by) values ($1, $2, $3)
on conflict (key) do update set reason = excluded.reason, dismissed_by = excluded.dismissed_by, dismissed_at = clock_timestamp()`;
const RECALL = 'delete from tidemark.dismissed_advice where key = $1';

export const adviceRoute = fp(
  async (app: BaseApp, { collectors, postgres }: RouteContext) => {
    app.get('/database/advice', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const { indexes, tables, replication } = collectors.values();
      if (!indexes || !tables || !replication) {
        throw errors.POSTGRES_UNREACHABLE({
          reason: 'the indexes, tables and replicas of Postgres have not been read yet',
        });
      }
      const { replicas } = postgres;
      const [primary, ...others] = await Promise.all(
        [postgres.admin(), ...replicas].map((pool, index) =>
          readServerScans(index === 0 ? 'the primary' : pool.name, pool),
        ),
      );
      const dismissed = await postgres.admin().query<{ key: string }>(DISMISSED, [], HOLDER);
      const { advice, why } = adviseIndexes({
        indexes: indexes.indexes,
        tables: tables.tables,
        servers: primary ? [primary, ...others] : [],
        unread: Math.max(0, replication.replicas.length - replicas.length),
        now: Date.now(),
      });
      const keys = new Set(dismissed.map(({ key }) => key));
      return { advice: advice.filter(({ key }) => !keys.has(key)), why, dismissed: [...dismissed] };
    });

    app.post('/database/advice/dismissals', { schema: { body: Dismissal } }, async (request, reply) => {
      const { key, reason } = request.body;
      const sub = request.operator?.verified.claims.sub;
      await postgres.admin().query(DISMISS, [key, reason, typeof sub === 'string' ? sub : null], HOLDER);
      return reply.code(204).send();
    });

    app.delete('/database/advice/dismissals/:key', { schema: { params: Key } }, async (request, reply) => {
      await postgres.admin().query(RECALL, [request.params.key], HOLDER);
      return reply.code(204).send();
    });
  },
  { name: 'performance-advice', dependencies: ['operators-only'] },
);
