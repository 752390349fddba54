/** Counts refusals and missing answers of a subscribe or join that is retried. */
import { TidemarkError } from '../errors.ts';

/** Time limit for the answer to a subscribe or join, ms: the server may be reading the schema of a busy database. */
export const ANSWER_MS = 30_000;
/** Refusals in a row, about 4 s, after which `ready()` and `join()` throw. */
const MAX_REFUSALS = 5;

export class Refusals {
  #count = 0;
  #last: TidemarkError | undefined;

  add(error: TidemarkError): void {
    this.#count += 1;
    this.#last = error;
  }

  forget(): void {
    this.#count = 0;
    this.#last = undefined;
  }

  /** The last error once there were MAX_REFUSALS in a row. */
  get tooMany(): TidemarkError | undefined {
    return this.#count >= MAX_REFUSALS ? this.#last : undefined;
  }
}

export const noAnswer = (what: string): TidemarkError =>
  new TidemarkError({
    code: 'CLIENT_NO_ANSWER',
    message: `the server has not answered ${what} for ${ANSWER_MS / 1_000} s`,
    hint: 'The client retries; if it keeps failing, see the server’s log.',
    retry: true,
  });
