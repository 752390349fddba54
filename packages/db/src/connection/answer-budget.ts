/**
 * The bytes of answers that this process holds while it reads them from Postgres and sends them on. An answer may have `maxBytes`,
 * all of them together `totalBytes`. One client may hold a quarter of the total, which binds only while more than half of it is
 * in use, so that one client alone is not held back on a server that has nothing else to do. A client that holds no other answer is
 * never refused for its share. (The same rules as those of SharedLimit in packages/service, which this package cannot use.)
 *
 * Postgres sends a row as one message whose length comes first, so an answer is refused before its bytes are held.
 */
import { errors } from '../errors.ts';
import type { Client, Identity } from '../types.ts';

const DEFAULT_ANSWER_MAX_BYTES = 64 * 1024 ** 2;
const DEFAULT_ANSWERS_TOTAL_BYTES = 256 * 1024 ** 2;
/** Smaller answers are not counted: as many as there are connections, they take a few MB, and counting them would cost time. */
export const UNCOUNTED_BYTES = 64 * 1024;
/** Part of the total that one client may hold, and part in use from which that binds. */
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

  /** Why an answer of more than UNCOUNTED_BYTES cannot be read on. */
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

  /** The answer was handed over, or is lost. */
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

  /** An answer that was read and is being sent: counted, as its bytes are there already, until the returned function is called. */
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

/** Whose share an answer counts for: the client's where it says so, else that of all with the same role and claims. */
export const answerKey = ({ role, claims }: Identity, client?: Client): string => client?.key ?? `${role}\0${claims}`;

/** The bytes of one answer, or of all that a connection was asked for at once. */
export interface AnswerBytes {
  /** Read, or announced by the header of a message. */
  bytes: number;
  /** The part of these bytes that was taken from the budget. */
  taken: number;
  /** As `answerKey` gives it; undefined for the service's own statements, which are counted and never refused. */
  readonly key: string | undefined;
}

/** Answers that are being read from Postgres and sent on. */
export interface AnswersInFlight {
  /** Counts an answer that was read until it has been sent: the returned function says so. Undefined: it is too small to be counted. `keyOf`: its client's `key`. */
  hold(bytes: number, keyOf: () => string): (() => void) | undefined;
  stats(): AnswerStats;
}

export interface AnswerStats {
  /** Held at the moment; answers under 64 KiB are not counted. */
  bytes: number;
  /** The most that may be held. */
  totalBytes: number;
  /** Refused with DB_ANSWER_BYTES. */
  tooLargeTotal: number;
  /** Refused with DB_ANSWERS_FULL. */
  refusedTotal: number;
}
