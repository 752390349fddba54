/** Asserts that something throws a TidemarkError, and gives it back. */
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
