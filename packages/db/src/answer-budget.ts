/**
 * The bytes of answers that this process holds while it reads them from Postgres and sends them on. An answer may have `maxBytes`,
 * all of them together `totalBytes`. One identity may hold a quarter of the total, which binds only while more than half of it is
 * in use, so that one client alone is not held back on a server that has nothing else to do.
 *
 * Postgres sends a row as one message whose length comes first, so an answer is refused before its bytes are held.
 */
import { errors } from './errors.ts';
import type { AnswerStats, Identity } from './types.ts';

export const DEFAULT_ANSWER_MAX_BYTES = 64 * 1024 ** 2;
export const DEFAULT_ANSWERS_TOTAL_BYTES = 256 * 1024 ** 2;
/** Smaller answers are not counted: as many as there are connections, they take a few MB, and counting them would cost time. */
export const UNCOUNTED_BYTES = 64 * 1024;
/** Part of the total that one identity may hold, and part in use from which that binds. */
const IDENTITY_SHARE = 0.25;
const SHARE_BINDS_AT = 0.5;

export class AnswerBudget {
  readonly maxBytes: number;
  readonly totalBytes: number;
  #bytes = 0;
  #tooLarge = 0;
  #refused = 0;
  readonly #byIdentity = new Map<string, number>();

  constructor(maxBytes: number = DEFAULT_ANSWER_MAX_BYTES, totalBytes: number = DEFAULT_ANSWERS_TOTAL_BYTES) {
    this.maxBytes = maxBytes;
    this.totalBytes = totalBytes;
  }

  /** Why an answer of more than UNCOUNTED_BYTES cannot be read on. */
  refusal(answer: AnswerBytes): Error | undefined {
    if (answer.bytes > this.maxBytes) {
      this.#tooLarge++;
      return errors.ANSWER_BYTES({ bytes: answer.bytes, maximum: this.maxBytes });
    }
    const more = answer.bytes - answer.taken;
    const refusal = this.#take(more, answer.key);
    if (refusal === undefined) answer.taken += more;
    return refusal;
  }

  /** The answer was handed over, or is lost. */
  end(answer: AnswerBytes): void {
    if (answer.taken > 0) this.#give(answer.taken, answer.key);
    answer.bytes = 0;
    answer.taken = 0;
  }

  /** `key`: the identity; undefined for the service's own statements, which are counted and never refused. */
  #take(bytes: number, key: string | undefined): Error | undefined {
    const wanted = this.#bytes + bytes;
    if (key !== undefined) {
      const own = (this.#byIdentity.get(key) ?? 0) + bytes;
      const overShare = wanted > this.totalBytes * SHARE_BINDS_AT && own > this.totalBytes * IDENTITY_SHARE;
      if (wanted > this.totalBytes || overShare) {
        this.#refused++;
        return errors.ANSWERS_FULL({ bytes: this.#bytes, maximum: this.totalBytes, share: wanted <= this.totalBytes });
      }
      this.#byIdentity.set(key, own);
    }
    this.#bytes = wanted;
    return undefined;
  }

  #give(bytes: number, key: string | undefined): void {
    this.#bytes -= bytes;
    if (key === undefined) return;
    const own = (this.#byIdentity.get(key) ?? 0) - bytes;
    if (own > 0) this.#byIdentity.set(key, own);
    else this.#byIdentity.delete(key);
  }

  /** An answer that was read and is being sent: counted, as its bytes are there already, until the returned function is called. */
  hold(bytes: number, identity: Identity): (() => void) | undefined {
    if (bytes < UNCOUNTED_BYTES) return undefined;
    const key = answerKey(identity);
    this.#bytes += bytes;
    this.#byIdentity.set(key, (this.#byIdentity.get(key) ?? 0) + bytes);
    let isHeld = true;
    return () => {
      if (isHeld) this.#give(bytes, key);
      isHeld = false;
    };
  }

  stats(): AnswerStats {
    const { totalBytes } = this;
    return { bytes: this.#bytes, totalBytes, tooLargeTotal: this.#tooLarge, refusedTotal: this.#refused };
  }
}

export const answerKey = ({ role, claims }: Identity): string => `${role}\0${claims}`;

/** The bytes of one answer, or of all that a connection was asked for at once. */
export interface AnswerBytes {
  /** Read, or announced by the header of a message. */
  bytes: number;
  /** Of these, what was taken from the budget. */
  taken: number;
  /** Of the identity, as `answerKey` gives it. */
  readonly key: string | undefined;
}
