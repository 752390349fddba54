/** What a server refuses, or does not answer, while something is asked of it again and again. */
import { TidemarkError } from '../errors.ts';

/** For the server's answer to a subscribe or a join, ms: it may be reading the schema of a busy database. */
export const ANSWER_MS = 30_000;
/** After so many refusals in a row, some four seconds, the server is full and not slow: who waits for it is told. */
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

  /** The last of too many in a row. */
  get tooMany(): TidemarkError | undefined {
    return this.#count >= MAX_REFUSALS ? this.#last : undefined;
  }
}

/** @param what such as `a subscribe` */
export const noAnswer = (what: string): TidemarkError =>
  new TidemarkError({
    code: 'CLIENT_NO_ANSWER',
    message: `the server has not answered ${what} for ${ANSWER_MS / 1_000} s`,
    hint: 'It is tried again; see the server’s log where it goes on.',
    retry: true,
  });
