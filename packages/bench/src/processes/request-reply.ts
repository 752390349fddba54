/** One order to a process that plays clients, and its answer. */
import type { ChildProcess } from 'node:child_process';
import { errors } from '../errors.ts';

const ANSWER_MS = 60_000;

/** @throws BENCH_LOAD_ENDED where it ended, or said nothing within a minute */
export async function ask<A extends { type: string }>(child: ChildProcess, order: object): Promise<A> {
  const answer = await new Promise<A | { type: 'failed'; message: string }>((resolve) => {
    const settle = (message: A | { type: 'failed'; message: string }) => {
      clearTimeout(timer);
      child.off('exit', gone).off('message', answered);
      resolve(message);
    };
    const fail = (message: string) => settle({ type: 'failed', message });
    const gone = (code: number | null) => fail(`it ended with ${code}`);
    const answered = (message: unknown) => settle(message as A);
    const timer = setTimeout(() => fail('no answer'), ANSWER_MS);
    child.on('exit', gone).on('message', answered);
    child.send(order, (error) => error && fail(error.message));
  });
  if (isFailed(answer)) throw errors.LOAD_ENDED({ reason: answer.message });
  return answer as A;
}

const isFailed = (answer: { type: string }): answer is { type: 'failed'; message: string } => answer.type === 'failed';
