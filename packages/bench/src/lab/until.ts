/** Waits for conditions. */
import { errors } from '../errors.ts';

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** @throws where it did not come true in time */
export async function until(what: string, isTrue: () => boolean | Promise<boolean>, ms = 120_000): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await Promise.resolve(isTrue()).catch(() => false))) {
    if (Date.now() > deadline) throw errors.TRIAL_OVERRAN({ what: `the wait for ${what}`, seconds: ms / 1_000 });
    await pause(25);
  }
}
