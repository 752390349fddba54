/** Waits for conditions. */
import { errors } from '../errors.ts';

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
