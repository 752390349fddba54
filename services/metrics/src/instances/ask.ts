/** Asks instances over NATS about themselves (`inspect.<what>.<instance>`), all at once. */
import type { Bus } from '@tidemark/bus';
import type { Inspection } from '@tidemark/contracts';
import type { TSchema } from 'typebox';

export type InspectBus = Pick<Bus, 'ask' | 'subjects'>;

/** An instance that did not answer, with its error: its part is missing from the answer. */
export interface Silent {
  instance: string;
  code: string;
  message: string;
  hint: string | null;
}

export interface Answers<A> {
  answers: { instance: string; answer: A }[];
  silent: Silent[];
}

/** Instances answer from memory. */
const TIMEOUT_MS = 2_000;

export async function askInstances<A>(
  bus: InspectBus,
  what: Inspection,
  instances: readonly string[],
  question: (instance: string) => object,
  schema: TSchema,
): Promise<Answers<A>> {
  const options = { schema, timeoutMs: TIMEOUT_MS };
  const replies = await Promise.allSettled(
    instances.map((instance) => bus.ask<A>(bus.subjects.inspect(what, instance), question(instance), options)),
  );
  const answers: Answers<A> = { answers: [], silent: [] };
  replies.forEach((reply, index) => {
    const instance = instances[index] as string;
    if (reply.status === 'fulfilled') {
      answers.answers.push({ instance, answer: reply.value });
      return;
    }
    const { code = 'BUS_ASK_FAILED', message, hint = null } = reply.reason as Error & Partial<Silent>;
    answers.silent.push({ instance, code, message, hint });
  });
  return answers;
}
