import pTimeout from 'p-timeout';
import { errors } from '../errors.ts';

/** Time limit of a statement: the driver never settles a statement that it has lost with its connection. */
const STATEMENT_MS = 10_000;
const POLL_MS = 25;

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Does not cancel the work. */
export const withDeadline = <T>(ms: number, what: string, work: PromiseLike<T>): Promise<T> =>
  pTimeout(Promise.resolve(work), {
    milliseconds: ms,
    message: errors.TRIAL_OVERRAN({ what, seconds: ms / 1_000 }),
  });

export const answered = <T>(statement: PromiseLike<T>): Promise<T> =>
  withDeadline(STATEMENT_MS, 'a statement', statement);

/**
 * An error of the condition counts as false, because trials stop the servers that conditions ask. `what` may be a
 * function that adds the last state.
 */
export async function until(
  what: string | (() => string),
  isTrue: () => boolean | Promise<boolean>,
  ms = 90_000,
): Promise<void> {
  const deadline = Date.now() + ms;
  for (;;) {
    let cause: unknown;
    try {
      if (await isTrue()) return;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      const told = typeof what === 'string' ? what : what();
      throw errors.NOT_WITHIN({ what: told, seconds: ms / 1_000 }, { cause });
    }
    await pause(POLL_MS);
  }
}
