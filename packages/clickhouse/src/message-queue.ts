/**
 * The messages between the follower, which cannot wait, and ClickHouse. When the queue is full the follower is stopped, and it
 * is started again behind the last message once half of the queue is stored: the stream keeps the rest.
 */
import { type Bus, type ChangeMessage, type ChangesFollower, followChanges } from '@tidemark/bus';

export type Item =
  | { kind: 'envelope' | 'heartbeat' | 'definitions'; message: ChangeMessage }
  | { kind: 'break'; reason: string };

/** Bytes of messages that wait: 128 envelopes of the largest size, some seconds of a busy database. */
const MAX_BYTES = 64 * 1024 ** 2;
/** The memory of an item besides its bytes. */
const ITEM_BYTES = 256;
/** A stream that was empty when the first snapshot was taken is read from its start: it keeps an hour. */
const WHOLE_STREAM_MS = 86_400_000;

export class MessageQueue {
  readonly #bus: Bus;
  readonly #maxBytes: number;
  #items: Item[] = [];
  #bytes = 0;
  #sequence: number;
  #follower: ChangesFollower | undefined;
  #stopping: Promise<void> | undefined;
  #isEnded = false;
  #wake: (() => void) | undefined;
  /** How often the follower waited for ClickHouse. */
  pausesTotal = 0;

  /** @param after the sequence behind which the first message is wanted; 0: all that the stream has */
  constructor(bus: Bus, after: number, maxBytes = MAX_BYTES) {
    this.#bus = bus;
    this.#maxBytes = maxBytes;
    this.#sequence = after;
    this.#follow();
  }

  get bytes(): number {
    return this.#bytes;
  }

  problem(): string | undefined {
    return this.#follower?.problem();
  }

  /** Returns the next item, or undefined after `waitMs`, or at once after `stop()`. */
  async next(waitMs: number): Promise<Item | undefined> {
    if (this.#items.length === 0 && !this.#isEnded && waitMs > 0) await this.#arrival(waitMs);
    const item = this.#items.shift();
    if (item === undefined) return undefined;
    this.#bytes -= bytesOf(item);
    if (!this.#follower && !this.#stopping && !this.#isEnded && this.#bytes <= this.#maxBytes / 2) this.#follow();
    return item;
  }

  async stop(): Promise<void> {
    this.#isEnded = true;
    this.#wake?.();
    await this.#stopping;
    await this.#follower?.stop();
  }

  #arrival(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      this.#wake = end;
    });
  }

  #follow(): void {
    this.#follower = followChanges(
      this.#bus,
      {
        onEnvelope: (message) => this.#put({ kind: 'envelope', message }),
        onHeartbeat: (message) => this.#put({ kind: 'heartbeat', message }),
        onDefinitions: (message) => this.#put({ kind: 'definitions', message }),
        onBreak: (reason) => this.#put({ kind: 'break', reason }),
      },
      this.#sequence > 0 ? { after: this.#sequence } : { lookbackMs: WHOLE_STREAM_MS },
    );
  }

  #put(item: Item): void {
    if (item.kind === 'break') this.#sequence = 0;
    else this.#sequence = item.message.sequence;
    this.#items.push(item);
    this.#bytes += bytesOf(item);
    this.#wake?.();
    if (this.#bytes > this.#maxBytes) this.#pause();
  }

  #pause(): void {
    const follower = this.#follower;
    if (!follower) return;
    this.pausesTotal += 1;
    this.#follower = undefined;
    this.#stopping = follower.stop().finally(() => {
      this.#stopping = undefined;
      if (!this.#isEnded && this.#bytes <= this.#maxBytes / 2) this.#follow();
    });
  }
}

const bytesOf = (item: Item) => ITEM_BYTES + (item.kind === 'break' ? 0 : item.message.bytes.length);
