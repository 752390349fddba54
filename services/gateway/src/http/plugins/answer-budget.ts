import type { Database } from '@tidemark/db';
import type { BaseApp, Metrics } from '@tidemark/service';
import type { FastifyReply } from 'fastify';
import fp from 'fastify-plugin';
import { identityOf } from '../../request/identity-of.ts';

export const answerBudget = fp(
  async (app: BaseApp, { db, metrics }: { readonly db: Database; readonly metrics: Metrics }) => {
    const show = (name: string, help: string, key: 'bytes' | 'tooLargeTotal' | 'refusedTotal') =>
      metrics.gauge(name, help, [], (gauge) => gauge.set(db.answers.stats()[key]));
    show('tidemark_answers_bytes', 'Bytes of answers that are being read from Postgres or sent', 'bytes');
    show('tidemark_answers_too_large_total', 'Answers refused because of ANSWER_MAX_BYTES', 'tooLargeTotal');
    show('tidemark_answers_refused_total', 'Answers refused because of ANSWERS_TOTAL_BYTES', 'refusedTotal');
    app.addHook('onSend', (_request, reply, payload, done) => {
      // An answer that the cache may hold is shared by many requests: it is counted where it is read.
      if (reply.kept === undefined && (typeof payload === 'string' || Buffer.isBuffer(payload)))
        holdUntilSent(db, reply, payload.length);
      done();
    });
  },
  { name: 'answer-budget', dependencies: ['identity'] },
);

/** Characters are counted as bytes. */
export function holdUntilSent(db: Database, reply: FastifyReply, bytes: number): void {
  // Where the client has left, nothing is sent, and no event would end the hold.
  if (reply.raw.destroyed) return;
  const release = db.answers.hold(bytes, () => identityOf(reply.request));
  if (release !== undefined) reply.raw.once('close', release);
}
