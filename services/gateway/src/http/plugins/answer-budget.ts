/** Counts the bytes of answers from Postgres until they have been sent (AnswerBudget of @tidemark/db), and shows them. */
import type { Database } from '@tidemark/db';
import type { BaseApp, Metrics } from '@tidemark/service';
import type { FastifyReply } from 'fastify';
import { identityOf } from '../limits/identity-of.ts';

export function registerAnswers(scope: BaseApp, { db, metrics }: { readonly db: Database; readonly metrics: Metrics }) {
  const show = (name: string, help: string, value: () => number) =>
    metrics.gauge(name, help, [], (gauge) => gauge.set(value()));
  show('tidemark_answers_bytes', 'Bytes of answers that are being read from Postgres or sent', () => {
    return db.answers.stats().bytes;
  });
  show('tidemark_answers_too_large_total', 'Answers refused because they are over ANSWER_MAX_BYTES', () => {
    return db.answers.stats().tooLargeTotal;
  });
  show('tidemark_answers_refused_total', 'Answers refused because ANSWERS_TOTAL_BYTES were being read and sent', () => {
    return db.answers.stats().refusedTotal;
  });
  scope.addHook('onSend', (_request, reply, payload, done) => {
    // An answer that the cache may hold is shared by many: it is counted where it is read.
    if (reply.kept === undefined && (typeof payload === 'string' || Buffer.isBuffer(payload)))
      holdUntilSent(db, reply, payload.length);
    done();
  });
}

/** Characters will do for bytes. */
export function holdUntilSent(db: Database, reply: FastifyReply, bytes: number): void {
  // A client that has left: nothing is sent, and nothing would tell when it ends.
  if (reply.raw.destroyed) return;
  const release = db.answers.hold(bytes, () => identityOf(reply.request));
  if (release !== undefined) reply.raw.once('close', release);
}
