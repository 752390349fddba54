/** Alerts that last, their receivers and silences. */
import type { BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import { type Silence, SilenceRequest } from '../alerts/silences.ts';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';

const SilenceId = Type.Object({ id: Type.String({ format: 'uuid' }) });

export const alertsRoute = fp(
  async (app: BaseApp, { alerts, config }: RouteContext) => {
    const { book, silences } = alerts.parts;

    app.get('/alerts', async (_request, reply) => {
      reply.header('cache-control', 'no-store');
      const now = Date.now();
      const isSilenced = silences.at(now);
      return {
        at: now,
        delivering: alerts.isLeading,
        alerts: book
          .lasting()
          .map(({ muted: _muted, endedAt: _ended, ...alert }) => ({ ...alert, silenced: isSilenced(alert) })),
        silences: silences.lasting(now),
        ...alerts.health(),
      };
    });

    app.post('/alerts/test', async () => ({ receivers: await alerts.test(config.METRICS_PUBLIC_URL) }));

    app.post('/alerts/silences', { schema: { body: SilenceRequest } }, async (request, reply): Promise<Silence> => {
      const created = await stored(() => silences.create(alerts.parts.pool(), request.body, subjectOf(request)));
      reply.code(201);
      return created;
    });

    app.delete('/alerts/silences/:id', { schema: { params: SilenceId } }, async (request, reply) => {
      await stored(() => silences.end(alerts.parts.pool(), request.params.id));
      return reply.code(204).send();
    });
  },
  { name: 'performance-alerts', dependencies: ['operators-only'] },
);

/** Errors of this service are for the caller; others say that Postgres cannot be used. */
async function stored<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code, message } = cause as Error & { code?: string };
    if (code?.startsWith('METRICS_SILENCE_')) throw cause;
    throw errors.ALERTS_NOT_STORED({ reason: message }, { cause });
  }
}

function subjectOf({ operator }: FastifyRequest): string | null {
  const { sub } = operator?.verified.claims ?? {};
  return typeof sub === 'string' ? sub : null;
}
