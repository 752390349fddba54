/**
 * Core NATS request and reply in JSON. `ask` throws the error that the answering side threw, with its code and hint.
 */
import { type ErrorFields, TidemarkError } from '@tidemark/contracts';
import { type NatsConnection, RequestError, TimeoutError } from 'nats';
import type { AnswerOptions, AskOptions, Subscription } from './bus.ts';
import { permissionError, violationIn } from './connection-problems.ts';
import { errors } from './errors.ts';
import type { BusEvent } from './events.ts';
import { mismatchOf } from './mismatch.ts';

type Reply = { answer: unknown } | { problem: ErrorFields };

export async function ask<A>(nc: NatsConnection, subject: string, question: unknown, options: AskOptions): Promise<A> {
  const { timeoutMs, schema } = options;
  let reply: Reply;
  try {
    reply = (await nc.request(subject, JSON.stringify(question), { timeout: timeoutMs })).json<Reply>();
  } catch (cause) {
    if (cause instanceof RequestError && cause.isNoResponders()) throw errors.NOBODY({ subject }, { cause });
    if (cause instanceof TimeoutError) throw errors.NO_ANSWER({ subject, ms: timeoutMs }, { cause });
    const violation = violationIn(cause);
    if (violation) throw permissionError(violation);
    throw errors.ASK_FAILED({ subject, reason: (cause as Error).message }, { cause });
  }
  if ('problem' in reply) throw new TidemarkError(reply.problem);
  const problem = mismatchOf(schema)(reply.answer);
  if (problem !== undefined) throw errors.INVALID_ANSWER({ subject, problem });
  return reply.answer as A;
}

export function answer<Q, A>(
  nc: NatsConnection,
  subject: string,
  handler: (question: Q) => Promise<A> | A,
  options: AnswerOptions & { observe: (event: BusEvent) => void },
): Subscription {
  const { concurrency, queue, observe } = options;
  const mismatch = mismatchOf(options.schema);
  let running = 0;

  async function replyTo(text: string): Promise<Reply> {
    if (running >= concurrency) throw errors.BUSY({ subject, limit: concurrency });
    const question: unknown = JSON.parse(text);
    const problem = mismatch(question);
    if (problem !== undefined) throw errors.INVALID_QUESTION({ subject, problem });
    running += 1;
    try {
      return { answer: await handler(question as Q) };
    } finally {
      running -= 1;
    }
  }

  return nc.subscribe(subject, {
    ...(queue && { queue }),
    callback: (error, message) => {
      if (error) {
        // ConnectionProblems reports a denied subscription.
        if (!violationIn(error)) observe({ type: 'bus.error', error });
        return;
      }
      const send = (reply: Reply) => void message.respond(JSON.stringify(reply));
      replyTo(message.string())
        .then(send)
        .catch((error: Error) => {
          if (!(error instanceof TidemarkError)) observe({ type: 'bus.error', error });
          // `send` itself throws where the answer is larger than NATS accepts.
          const known =
            error instanceof TidemarkError ? error : errors.NOT_ANSWERED({ subject, reason: error.message });
          send({ problem: fieldsOf(known) });
        })
        .catch((error: Error) => observe({ type: 'bus.error', error }));
    },
  });
}

function fieldsOf({ code, status, message, details, hint, retryAfter }: TidemarkError): ErrorFields {
  return { code, status, message, details, hint, ...(retryAfter !== undefined && { retryAfter }) };
}
