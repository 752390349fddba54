/**
 * Limits the bytes of answers that this process reads from Postgres and sends on: `maxBytes` for one answer,
 * `totalBytes` for all. One client may hold a quarter of the total; this applies only while more than half of it is
 * in use, and never to its only answer. Postgres sends the length of a row first, so an answer is refused before its
 * bytes are in memory.
 */
import { errors } from '../errors.ts';
import type { Client, Identity } from '../types.ts';

const DEFAULT_ANSWER_MAX_BYTES = 64 * 1024 ** 2;
const DEFAULT_ANSWERS_TOTAL_BYTES = 256 * 1024 ** 2;
/** Smaller answers are not counted: together they take a few MB, and counting them would cost time. */
export const UNCOUNTED_BYTES = 64 * 1024;
/** The share of the total for one client, and the part in use from which it applies. */
const CLIENT_SHARE = 0.25;
const SHARE_BINDS_AT = 0.5;

export class AnswerBudget {
  readonly maxBytes: number;
  readonly totalBytes: number;
  #bytes = 0;
  #tooLarge = 0;
  #refused = 0;
  readonly #byClient = new Map<string, number>();

  constructor(maxBytes: number = DEFAULT_ANSWER_MAX_BYTES, totalBytes: number = DEFAULT_ANSWERS_TOTAL_BYTES) {
    this.maxBytes = maxBytes;
    this.totalBytes = totalBytes;
  }

  refusal(answer: AnswerBytes): Error | undefined {
    if (answer.bytes > this.maxBytes) {
      this.#tooLarge++;
      return errors.ANSWER_BYTES({ bytes: answer.bytes, maximum: this.maxBytes });
    }
    const more = answer.bytes - answer.taken;
    const refusal = this.#take(more, answer);
    if (refusal === undefined) answer.taken += more;
    return refusal;
  }

  end(answer: AnswerBytes): void {
    if (answer.taken > 0) this.#give(answer.taken, answer.key);
    answer.bytes = 0;
    answer.taken = 0;
  }

  #take(bytes: number, { key, taken }: AnswerBytes): Error | undefined {
    const wanted = this.#bytes + bytes;
    if (key !== undefined) {
      const held = this.#byClient.get(key) ?? 0;
      const own = held + bytes;
      const hasOthers = held > taken;
      const overShare = hasOthers && wanted > this.totalBytes * SHARE_BINDS_AT && own > this.totalBytes * CLIENT_SHARE;
      if (wanted > this.totalBytes || overShare) {
        this.#refused++;
        return errors.ANSWERS_FULL({ bytes: this.#bytes, maximum: this.totalBytes, share: wanted <= this.totalBytes });
      }
      this.#byClient.set(key, own);
    }
    this.#bytes = wanted;
    return undefined;
  }

  #give(bytes: number, key: string | undefined): void {
    this.#bytes -= bytes;
    if (key === undefined) return;
    const own = (this.#byClient.get(key) ?? 0) - bytes;
    if (own > 0) this.#byClient.set(key, own);
    else this.#byClient.delete(key);
  }

  hold(bytes: number, keyOf: () => string): (() => void) | undefined {
    if (bytes < UNCOUNTED_BYTES) return undefined;
    const key = keyOf();
    this.#bytes += bytes;
    this.#byClient.set(key, (this.#byClient.get(key) ?? 0) + bytes);
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

export const answerKey = ({ role, claims }: Identity, client?: Client): string => client?.key ?? `${role}\0${claims}`;

export interface AnswerBytes {
  bytes: number;
  taken: number;
  /** The result of `answerKey`; undefined for the service's own statements, which are counted and never refused. */
  readonly key: string | undefined;
}

export interface AnswersInFlight {
  /** Counts an answer that was read until the returned function is called. Undefined when the answer is too small to be counted. */
  hold(bytes: number, keyOf: () => string): (() => void) | undefined;
  stats(): AnswerStats;
}

export interface AnswerStats {
  bytes: number;
  totalBytes: number;
  tooLargeTotal: number;
  refusedTotal: number;
}
