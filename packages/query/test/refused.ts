/** Asserts that a function throws a TidemarkError, and returns the error. */
import { TidemarkError } from '@tidemark/contracts';

export function refused(action: () => unknown): TidemarkError {
  try {
    action();
  } catch (error) {
    if (error instanceof TidemarkError) return error;
    throw error;
  }
  throw new TypeError('nothing was thrown');
}
