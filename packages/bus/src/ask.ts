/**
 * Core NATS request and reply, JSON. A refusal travels as its problem, with the code and the remedy that it has there, and is
 * thrown here as the same error.
 */

import { type ErrorFields, TidemarkError } from '@tidemark/contracts';
import { type NatsConnection, RequestError, TimeoutError } from 'nats';
import type { TSchema } from 'typebox';
import type { Subscription } from './bus.ts';
import { permissionError, violationIn } from './connection-problems.ts';
import { errors } from './errors.ts';
import type { BusEvent } from './events.ts';
import { misfitOf } from './misfit.ts';

export interface AskOptions {
  /** Answers that do not fit are an error. */
  schema: TSchema;
  timeoutMs: number;
}

export interface AnswerOptions {
  /** Questions that do not fit are refused. */
  schema: TSchema;
  /** Questions that are worked on at a time; more are refused with BUS_BUSY. */
  concurrency: number;
}

type Reply = { answer: unknown } | { problem: ErrorFields };

/** @throws BUS_NOBODY, BUS_NO_ANSWER, BUS_PERMISSION_DENIED, BUS_INVALID_ANSWER, and what the other side threw */
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
  const problem = misfitOf(schema)(reply.answer);
  if (problem !== undefined) throw errors.INVALID_ANSWER({ subject, problem });
  return reply.answer as A;
}

export function answer<Q, A>(
  nc: NatsConnection,
  subject: string,
  handler: (question: Q) => Promise<A> | A,
  options: AnswerOptions & { observe: (event: BusEvent) => void },
): Subscription {
  const { concurrency, observe } = options;
  const misfit = misfitOf(options.schema);
  let running = 0;

  async function replyTo(text: string): Promise<Reply> {
    if (running >= concurrency) throw errors.BUSY({ subject, limit: concurrency });
    const question: unknown = JSON.parse(text);
    const problem = misfit(question);
    if (problem !== undefined) throw errors.INVALID_QUESTION({ subject, problem });
    running += 1;
    try {
      return { answer: await handler(question as Q) };
    } finally {
      running -= 1;
    }
  }

  return nc.subscribe(subject, {
    callback: (error, message) => {
      // A denied subscription is reported with the connection's other problems.
      if (error) {
        if (!violationIn(error)) observe({ type: 'bus.error', error });
        return;
      }
      const send = (reply: Reply) => void message.respond(JSON.stringify(reply));
      replyTo(message.string())
        .then(send)
        .catch((error: Error) => {
          if (!(error instanceof TidemarkError)) observe({ type: 'bus.error', error });
          // Also where the answer was larger than NATS takes.
          send({
            problem: fieldsOf(
              error instanceof TidemarkError ? error : errors.NOT_ANSWERED({ subject, reason: error.message }),
            ),
          });
        })
        .catch((error: Error) => observe({ type: 'bus.error', error }));
    },
  });
}

function fieldsOf({ code, status, message, details, hint, retryAfter }: TidemarkError): ErrorFields {
  return { code, status, message, details, hint, ...(retryAfter === undefined ? {} : { retryAfter }) };
}
