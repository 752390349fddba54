/**
 * Watches what a connection receives, ahead of the driver, which holds a message until it is whole: the length of each message
 * is in its header, so that an answer that is too large is noticed before its bytes have come.
 */
import { type AnswerBudget, type AnswerBytes, UNCOUNTED_BYTES } from './answer-budget.ts';

const HEADER_BYTES = 5;
export const NOTICE_RESPONSE = 0x4e;
/** The length counts itself, and not the byte of the type before it. */
const MIN_LENGTH = 4;

export class AnswerMeter {
  readonly #budget: AnswerBudget;
  readonly #answer: AnswerBytes;
  /** Bytes of the message under way that are still to come. */
  #left = 0;
  /** A header that came in two parts. */
  #header: Buffer | undefined;

  constructor(budget: AnswerBudget, answer: AnswerBytes) {
    this.#budget = budget;
    this.#answer = answer;
  }

  /** Why the answer cannot be read on: the connection must be given up then, as the rest of the message would come. */
  refusal(chunk: Buffer): Error | undefined {
    let bytes = chunk;
    if (this.#header !== undefined) {
      bytes = Buffer.concat([this.#header, chunk]);
      this.#header = undefined;
    }
    let at = this.#left;
    while (at <= bytes.length - HEADER_BYTES) {
      const length = Math.max(MIN_LENGTH, bytes.readUInt32BE(at + 1));
      const type = bytes[at];
      at += 1 + length;
      // A notice is not held: only one that is too long as such counts.
      if (type === NOTICE_RESPONSE && length <= this.#budget.maxBytes) continue;
      this.#answer.bytes += length;
      if (this.#answer.bytes <= UNCOUNTED_BYTES) continue;
      const refusal = this.#budget.refusal(this.#answer);
      if (refusal !== undefined) return refusal;
    }
    this.#left = Math.max(0, at - bytes.length);
    // A copy: the rest of the chunk need not be kept for it.
    if (at < bytes.length) this.#header = Buffer.from(bytes.subarray(at));
    return undefined;
  }
}
