/**
 * Sends no more frames a second than the server reads. The frames of one tick go together, so a query opened and
 * closed within it is never sent.
 */
import { TidemarkError } from '../errors.ts';
import type { ClientFrame, SocketLimits } from './frames.ts';

/**
 * Burst and rate are this part of the server's limit: together they stay below four fifths of it in any second, because
 * delayed frames arrive together.
 */
const PART_OF_LIMIT = 0.4;
/** Frames that may wait before `send` is refused. The other frames are bounded by the number of queries and channels. */
const MAX_WAITING = 1_000;
const SECOND_MS = 1_000;

interface Waiting {
  frame: ClientFrame;
  text: string;
}

export class Outbox {
  #write: (text: string) => void;
  #limits: SocketLimits;
  #waiting: Waiting[] = [];
  #perSecond: number;
  #allowed: number;
  #countedAt = Date.now();
  #isScheduled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limits: SocketLimits, write: (text: string) => void) {
    this.#limits = limits;
    this.#write = write;
    this.#perSecond = Math.max(1, Math.floor(limits.framesPerSecond * PART_OF_LIMIT));
    this.#allowed = this.#perSecond;
  }

  push(frame: ClientFrame): void {
    const text = JSON.stringify(frame);
    const bytes = new TextEncoder().encode(text).length;
    if (bytes > this.#limits.frameBytes) {
      const message = `the ${frame.op} frame has ${bytes} bytes; the limit is ${this.#limits.frameBytes}`;
      const hint = 'Use a shorter query or list, or store large values in a table.';
      throw new TidemarkError({ code: 'CLIENT_FRAME_TOO_LARGE', message, hint });
    }
    if (frame.op === 'send' && this.#waiting.length >= MAX_WAITING) {
      const message = `${MAX_WAITING} frames are waiting to be sent; the server reads ${this.#limits.framesPerSecond} a second`;
      throw new TidemarkError({ code: 'CLIENT_TOO_FAST', message, hint: 'Send less often.', retry: true });
    }
    // A newer state of a channel replaces the waiting one.
    if (frame.op === 'state') this.cancel((other) => other.op === 'state' && other.channel === frame.channel);
    this.#waiting.push({ frame, text });
    if (this.#isScheduled || this.#timer !== undefined) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  /** Returns whether a matching frame was still unsent. */
  cancel(fits: (frame: ClientFrame) => boolean): boolean {
    const left = this.#waiting.filter(({ frame }) => !fits(frame));
    const isFound = left.length < this.#waiting.length;
    this.#waiting = left;
    return isFound;
  }

  /** Halves the rate after the server has reported RT_FRAME_RATE. */
  slowDown(): void {
    this.#perSecond = Math.max(1, this.#perSecond / 2);
    this.#allowed = 0;
    // The server ignores all frames until the second is over, without another error.
    this.#countedAt = Date.now() + SECOND_MS;
  }

  close(): void {
    this.#waiting = [];
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #flush(): void {
    const now = Date.now();
    this.#allowed = Math.min(
      this.#perSecond,
      this.#allowed + (Math.max(0, now - this.#countedAt) / SECOND_MS) * this.#perSecond,
    );
    this.#countedAt = Math.max(now, this.#countedAt);
    const count = Math.min(Math.floor(this.#allowed), this.#waiting.length);
    this.#allowed -= count;
    for (const { text } of this.#waiting.splice(0, count)) this.#write(text);
    if (this.#waiting.length === 0) return;
    const wait = this.#countedAt - now + Math.ceil(((1 - this.#allowed) / this.#perSecond) * SECOND_MS);
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        this.#flush();
      },
      Math.max(1, wait),
    );
  }
}
