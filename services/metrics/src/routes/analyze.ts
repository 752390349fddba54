/** Explains a statement: a text of the caller, or one that our services ran. */
import type { Socket } from 'node:net';
import { StatementTextAnswer } from '@tidemark/contracts';
import type { Client } from '@tidemark/db';
import type { BaseApp } from '@tidemark/service';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { Type } from 'typebox';
import type { RouteContext } from '../context.ts';
import { errors } from '../errors.ts';
import { askInstances } from '../instances/ask.ts';
import { inspectedInstances } from '../instances/inspected.ts';
import { operatorToken } from '../plugins/operators-only.ts';

/** Characters, as many as a statement of our services may have. */
const MAX_TEXT_LENGTH = 16_384;
const MAX_PARAMS = 100;

const Body = Type.Object(
  {
    query: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_TEXT_LENGTH })),
    fingerprint: Type.Optional(Type.String({ pattern: '^[0-9a-f]{12}$' })),
    params: Type.Optional(
      Type.Array(Type.Union([Type.String({ maxLength: MAX_TEXT_LENGTH }), Type.Null()]), { maxItems: MAX_PARAMS }),
    ),
    run: Type.Boolean({
      default: false,
      description: 'run it and measure: for a fingerprint, where no policy applies',
    }),
    as: Type.Optional(
      Type.String({ maxLength: MAX_TEXT_LENGTH, description: 'a token: explain it as its role and claims' }),
    ),
  },
  { additionalProperties: false },
);

export const analyzeRoute = fp(
  async (app: BaseApp, { monitor, bus, analyzer, verifyToken }: RouteContext) => {
    async function textOf(token: string, id: string): Promise<string> {
      const names = inspectedInstances(monitor.health());
      const { answers } = await askInstances<StatementTextAnswer>(
        bus,
        'text',
        names,
        () => ({ token, id }),
        StatementTextAnswer,
      );
      const found = answers.find(({ answer }) => answer.text !== null);
      if (!found?.answer.text) throw errors.ANALYZE_FINGERPRINT({ id });
      return found.answer.text;
    }

    app.post('/queries/analyze', { schema: { body: Body } }, async (request, reply) => {
      reply.header('cache-control', 'no-store');
      if (!analyzer) throw errors.ANALYZE_OFF();
      const { query, fingerprint, params = [], run, as } = request.body;
      if ((query === undefined) === (fingerprint === undefined)) throw errors.ANALYZE_STATEMENT();
      const operator = request.operator?.verified;
      const token = operatorToken(request);
      const shown = as === undefined ? operator : await verifyToken(as, request.ip);
      if (!operator || !shown) throw errors.TOKEN_MISSING();
      const text = fingerprint === undefined ? (query as string) : await textOf(token, fingerprint);
      const analysis = await analyzer.analyze({
        text,
        isOurs: fingerprint !== undefined,
        run,
        params,
        identity: { role: shown.role, claims: shown.claimsText },
        person: typeof operator.claims.sub === 'string' ? `${operator.role} ${operator.claims.sub}` : request.ip,
        client: clientOf(request),
      });
      return { role: shown.role, ...analysis };
    });
  },
  { name: 'performance-analyze', dependencies: ['operators-only'] },
);

/** The statement is cancelled when the caller leaves. */
function clientOf(request: FastifyRequest): Client {
  const socket: Socket = request.raw.socket;
  return {
    get isGone() {
      return socket.destroyed;
    },
    onGone(listener) {
      socket.once('close', listener);
      return () => void socket.off('close', listener);
    },
  };
}
