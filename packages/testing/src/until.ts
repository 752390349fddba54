import { setTimeout as sleep } from 'node:timers/promises';
import { errors } from './errors.ts';

/** ms between checks of a condition. */
const INTERVAL_MS = 10;
/** Longer than any condition takes on a busy machine, and below the limit of a test file. */
const LIMIT_MS = 30_000;

type Truthy<T> = Exclude<T, undefined | null | false | 0 | ''>;

/**
 * Returns the first truthy value of the condition, which is asked again until then. `what` describes it in the error.
 * @throws TESTING_NOT_WITHIN after `limitMs`
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string | (() => string) = String(condition),
  limitMs = LIMIT_MS,
): Promise<Truthy<T>> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value) return value as Truthy<T>;
    if (performance.now() >= deadline) {
      throw errors.NOT_WITHIN({ seconds: limitMs / 1_000, what: typeof what === 'string' ? what : what() });
    }
    await sleep(INTERVAL_MS);
  }
}
