/**
 * A client's subscription to a topic. It catches up from a snapshot or a position; once it has reached its topic, it is live and
 * receives the topic's frames.
 *
 *   catching up ──► live ──► ended
 *        └── resync ─────────► ended      the client subscribes again, with a snapshot
 */
import type { TidemarkError } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import {
  passed,
  type Seen,
  type SubscriptionVisibility,
  seenThrough,
  type Transaction,
  type Visibility,
} from '../snapshots/snapshot-visibility.ts';
import { errorFrame, serverFrame } from './frame.ts';

export interface Sink {
  /** Unique in this instance: `12` for the twelfth WebSocket, `e12` for the twelfth event stream. */
  readonly name: string;
  /** The identity or address whose share is charged. */
  readonly holder: string;
  readonly closed: boolean;
  readonly bufferedBytes: number;
  /** Returns false, and writes nothing, where the buffer is over its limit. */
  write(frame: Buffer): boolean;
  /** Writes also over the buffer's limit; the sink is closed when answers exceed twice the limit. */
  tell(frame: Buffer): void;
  room(): Promise<void>;
}

/** The changes that a subscription does not receive: those in its snapshot, before its position, or before it began. */
export interface Beginning {
  visibility: Visibility;
  sequence: number;
}

export class Subscription {
  /** Chosen by the client. */
  readonly id: string;
  readonly topicId: number;
  readonly sink: Sink;
  live = false;
  ended = false;
  visibility: SubscriptionVisibility = { kind: 'open' };
  readonly startedAt = Date.now();
  changesTotal = 0;
  /** Kept to explain what was not sent; undefined while the snapshot is read. */
  beginning: Beginning | undefined;
  /** The topic sends the envelopes after this sequence. */
  caughtUpTo = -1;
  /** The client holds part of a transaction and waits for the frame that ends it. */
  isInside = false;
  #onEnd: (subscription: Subscription, reason: string | undefined) => void;

  constructor(id: string, topicId: number, sink: Sink, onEnd: (s: Subscription, reason: string | undefined) => void) {
    this.id = id;
    this.topicId = topicId;
    this.sink = sink;
    this.#onEnd = onEnd;
  }

  /** The visibility opens once nothing later can be affected. */
  seen(envelope: ChangeEnvelope): Seen {
    if (this.visibility.kind === 'open') return 'none';
    const seen = seenThrough(this.visibility, envelope);
    if (passed(this.visibility, envelope.lsn)) this.visibility = { kind: 'open' };
    // A client that resumes inside a transaction may hold the first part of it.
    if (typeof seen === 'number') this.isInside ||= seen < (envelope.body().changes.at(-1)?.index ?? 0);
    return seen;
  }

  /**
   * Ends the subscription where the connection cannot take the frames. `more`: the last change's transaction goes on.
   */
  send(frames: Buffer, changes: number, more = this.isInside): boolean {
    if (!this.sink.write(frames)) {
      this.resync('the connection is too slow for the changes');
      return false;
    }
    this.changesTotal += changes;
    this.isInside = more;
    return true;
  }

  /** Undefined while the snapshot is read. */
  beganBehind(envelope: Transaction & { sequence: number }, index: number): boolean | undefined {
    if (!this.beginning) return undefined;
    const { visibility, sequence } = this.beginning;
    if (visibility.kind === 'open') return envelope.sequence <= sequence;
    const seen = seenThrough(visibility, envelope);
    return seen === 'all' || (seen !== 'none' && index <= seen);
  }

  /** The reason in the log differs where the client's reason may hold values. */
  resync(reason: string, logged = reason): void {
    if (this.ended) return;
    this.sink.tell(serverFrame({ op: 'resync', topic: this.topicId, reason }));
    this.#end(logged);
  }

  fail(error: TidemarkError): void {
    if (this.ended) return;
    this.sink.tell(errorFrame(error, { id: this.id }));
    // The error's message may hold values.
    this.#end(`the error ${error.code}`);
  }

  end(): void {
    if (!this.ended) this.#end(undefined);
  }

  #end(reason: string | undefined): void {
    this.ended = true;
    this.live = false;
    this.#onEnd(this, reason);
  }
}
