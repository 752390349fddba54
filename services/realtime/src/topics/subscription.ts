/**
 * A socket's subscription to a topic. It begins by catching up (snapshot, or position) from the ring, or from JetStream; as
 * soon as it has come to where its topic is, it is live and gets the topic's own frames.
 *
 *   catching up ──► live ──► ended
 *        └── resync ─────────► ended      the client subscribes again, with a snapshot
 */
import type { TidemarkError } from '@tidemark/contracts';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { Judged } from '../query/row-match.ts';
import {
  passed,
  type SubscriptionVisibility,
  seenThrough,
  type Transaction,
  type Visibility,
} from '../snapshots/snapshot-visibility.ts';
import { errorFrame, serverFrame } from './frame.ts';
import type { EncodedChanges, Topic } from './topic.ts';

/** What a subscription needs of its socket. */
export interface Sink {
  /** Unique in this instance: `12` for its twelfth WebSocket, `e12` for its twelfth event stream. */
  readonly name: string;
  /** The key that its shares are counted under: its identity, or its address. */
  readonly holder: string;
  readonly closed: boolean;
  readonly bufferedBytes: number;
  /** One whole frame or several. False where the socket's buffer is over its limit: nothing was taken. */
  write(frame: Buffer): boolean;
  /** An answer, or the end of something: taken over the limit too, since whoever reads on must know. Over as much again, it is cut. */
  tell(frame: Buffer): void;
  /** Resolves when there is room for more; rejects when there is none for too long. */
  room(): Promise<void>;
}

/** Up to where a subscription was not to be sent changes: those in its snapshot, before its position, or before it was there. */
export interface Beginning {
  visibility: Visibility;
  /** The last envelope before it; asked for only where the visibility is open. */
  sequence: number;
}

export class Subscription {
  /** The client's name for it. */
  readonly id: string;
  readonly topic: Topic;
  readonly sink: Sink;
  live = false;
  ended = false;
  visibility: SubscriptionVisibility = { kind: 'open' };
  readonly startedAt = Date.now();
  /** Sent, without those of the snapshot. */
  changesTotal = 0;
  /** Kept after the visibility has opened, to explain what was not sent; undefined while the snapshot is read. */
  beginning: Beginning | undefined;
  /** The last envelope that it has caught up with by itself; what is behind it is its topic's to send once it is live. */
  caughtUpTo = -1;
  /** The client was given part of a transaction, and waits for the frame that ends it. */
  #inside = false;
  #onEnd: (subscription: Subscription, reason: string | undefined) => void;

  constructor(id: string, topic: Topic, sink: Sink, onEnd: (s: Subscription, reason: string | undefined) => void) {
    this.id = id;
    this.topic = topic;
    this.sink = sink;
    this.#onEnd = onEnd;
  }

  /** @returns the changes that were sent */
  offer(
    envelope: ChangeEnvelope,
    changes: readonly RowChange[],
    judged: Judged,
    shared: EncodedChanges | undefined,
  ): number {
    if (this.ended) return 0;
    let after = -1;
    if (this.visibility.kind !== 'open') {
      const seen = seenThrough(this.visibility, envelope);
      if (passed(this.visibility, envelope.lsn)) {
        this.visibility = { kind: 'open' };
        this.topic.skipping.delete(this);
      }
      if (seen === 'all') return 0;
      if (seen !== 'none') {
        after = seen;
        // Resumed inside the transaction: the client may have kept what it got of it.
        this.#inside ||= after < (envelope.body().changes.at(-1)?.index ?? 0);
      }
    }
    // A part of the transaction was seen before: a frame of its own.
    let encoded = shared && after < 0 ? shared : this.topic.encode(envelope, changes, judged, after);
    if (encoded.kind === 'nothing') {
      if (!this.#inside || !envelope.body().ends) return 0;
      encoded = this.topic.end(envelope);
    }
    if (encoded.kind === 'resync') {
      this.resync(encoded.reason);
      return 0;
    }
    if (!this.send(encoded.frame, encoded.changes)) return 0;
    this.#inside = this.topic.mode === 'every' && envelope.body().more;
    return encoded.changes;
  }

  /** Frames of so many changes. False where they were too much for the connection, which ends it. */
  send(frames: Buffer, changes: number): boolean {
    if (this.sink.write(frames)) {
      this.changesTotal += changes;
      return true;
    }
    this.resync('the connection is too slow for the changes');
    return false;
  }

  /** From now on, its topic's frames are for it as well. What the topic keeps back, it has come to by itself. */
  goLive(): void {
    this.topic.flush();
    this.live = true;
    if (this.visibility.kind !== 'open') this.topic.skipping.add(this);
  }

  /** Frames of so many changes that waited for each other; `last` is the envelope of the last one. */
  give(frames: Buffer, changes: number, last: ChangeEnvelope): boolean {
    if (!this.send(frames, changes)) return false;
    this.#inside = this.topic.mode === 'every' && last.body().more;
    return true;
  }

  /** Whether the change came before what it was to be sent; undefined where that is not known yet. */
  beganBehind(envelope: Transaction & { sequence: number }, index: number): boolean | undefined {
    if (!this.beginning) return undefined;
    const { visibility, sequence } = this.beginning;
    if (visibility.kind === 'open') return envelope.sequence <= sequence;
    const seen = seenThrough(visibility, envelope);
    return seen === 'all' || (seen !== 'none' && index <= seen);
  }

  /**
   * Ends it: what the client holds may be incomplete from here on.
   * @param kept what operators are told, where the client's reason may hold values
   */
  resync(reason: string, kept = reason): void {
    if (this.ended) return;
    this.sink.tell(serverFrame({ op: 'resync', topic: this.topic.id, reason }));
    this.#end(kept);
  }

  /** Ends it with an error of its own. */
  fail(error: TidemarkError): void {
    if (this.ended) return;
    this.sink.tell(errorFrame(error, { id: this.id }));
    // Its words may hold values.
    this.#end(`the error ${error.code}`);
  }

  end(): void {
    if (!this.ended) this.#end(undefined);
  }

  #end(reason: string | undefined): void {
    this.ended = true;
    this.live = false;
    this.topic.skipping.delete(this);
    this.#onEnd(this, reason);
  }
}
