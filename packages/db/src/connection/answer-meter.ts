/** The header of a message has its length, so an answer that is too large is refused before its bytes arrive. */
import { type AnswerBudget, type AnswerBytes, UNCOUNTED_BYTES } from './answer-budget.ts';

const HEADER_BYTES = 5;
export const NOTICE_RESPONSE = 0x4e;
/** The length includes itself and not the byte of the type before it. */
const MIN_LENGTH = 4;

export class AnswerMeter {
  readonly #budget: AnswerBudget;
  readonly #answer: AnswerBytes;
  #left = 0;
  #header: Buffer | undefined;

  constructor(budget: AnswerBudget, answer: AnswerBytes) {
    this.#budget = budget;
    this.#answer = answer;
  }

  /** The error for an answer over a limit: the connection must then be given up, since the rest of the message would still come. */
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
      // Notices are not buffered: only one that is too long by itself counts.
      if (type === NOTICE_RESPONSE && length <= this.#budget.maxBytes) continue;
      this.#answer.bytes += length;
      if (this.#answer.bytes <= UNCOUNTED_BYTES) continue;
      const refusal = this.#budget.refusal(this.#answer);
      if (refusal !== undefined) return refusal;
    }
    this.#left = Math.max(0, at - bytes.length);
    // A copy, so that the rest of the chunk can be freed.
    if (at < bytes.length) this.#header = Buffer.from(bytes.subarray(at));
    return undefined;
  }
}
