/** Waits for conditions. */
import pTimeout from 'p-timeout';
import { errors } from '../errors.ts';

/** For a statement: one that the driver has lost along with its connection is answered by nobody. */
const STATEMENT_MS = 10_000;

/** The statement's answer, or an error when there is none for too long; it is not cancelled. @throws BENCH_TRIAL_OVERRAN */
export function answered<T>(statement: PromiseLike<T>): Promise<T> {
  const message = errors.TRIAL_OVERRAN({ what: 'a statement', seconds: STATEMENT_MS / 1_000 });
  return pTimeout(Promise.resolve(statement), { milliseconds: STATEMENT_MS, message });
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** @param what is waited for, or what says so once it has not come. @throws where it did not come true in time */
export async function until(
  what: string | (() => string),
  isTrue: () => boolean | Promise<boolean>,
  ms = 120_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await Promise.resolve(isTrue()).catch(() => false))) {
    if (Date.now() > deadline) {
      const told = typeof what === 'string' ? what : what();
      throw errors.TRIAL_OVERRAN({ what: `the wait for ${told}`, seconds: ms / 1_000 });
    }
    await pause(25);
  }
}
