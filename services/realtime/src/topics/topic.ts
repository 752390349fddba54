/**
 * A topic: one query under one class of rights. Its subscribers get the same frames, each made once.
 */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { LivePlan } from '../query/live-plan.ts';
import { byKey, type Judged, matchChange } from '../query/row-match.ts';
import type { SharedSnapshot } from '../snapshots/shared-snapshot.ts';
import { changesFrame } from './frame.ts';
import { FrameBatch } from './frame-batch.ts';
import type { Subscription } from './subscription.ts';
import type { WriteRate } from './write-rate.ts';

export interface EncodedChanges {
  kind: 'frame';
  frame: Buffer;
  changes: number;
}

export interface Resync {
  kind: 'resync';
  reason: string;
}

export type Encoded = EncodedChanges | { kind: 'nothing' } | Resync;

const NOTHING: Encoded = { kind: 'nothing' };

export type Mode = 'every' | 'latest';

/** When changes wait for others. */
export interface DeliveryPolicy {
  writeRate: WriteRate;
  /** Under pressure, ms. */
  batchMs: number;
  /** Between two frames of a topic in mode `latest`, ms. */
  latestMs: number;
  /** `schema.table`, whose changes never wait for others. */
  priority: ReadonlySet<string>;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onConflated(): void;
}

export class Topic {
  /** In frames; unique in this instance. */
  readonly id: number;
  readonly key: string;
  readonly plan: LivePlan;
  readonly mode: Mode;
  readonly subscriptions = new Set<Subscription>();
  /** Live ones that do not take everything yet (snapshot-visibility.ts). */
  readonly skipping = new Set<Subscription>();
  shared: SharedSnapshot | undefined;
  #policy: DeliveryPolicy;
  #mayWait: boolean;
  #batch = new FrameBatch();
  #timer: NodeJS.Timeout | undefined;
  #flushedAt = 0;

  constructor(id: number, key: string, plan: LivePlan, mode: Mode, policy: DeliveryPolicy) {
    this.id = id;
    this.key = key;
    this.plan = plan;
    this.mode = mode;
    this.#policy = policy;
    this.#mayWait = !policy.priority.has(`${plan.facts.schema}.${plan.facts.table}`);
  }

  /** The frame for these changes of an envelope, which are all of it that may concern this topic. */
  encode(envelope: ChangeEnvelope, changes: readonly RowChange[], judged: Judged, after = -1): Encoded {
    const matched = this.texts(changes, judged, after);
    if (matched.kind === 'resync') return matched;
    return matched.texts.length === 0 ? NOTHING : this.#frame(envelope, matched.texts);
  }

  /** What its subscribers see of these changes, as JSON. */
  texts(changes: readonly RowChange[], judged: Judged, after = -1): Resync | { kind: 'texts'; texts: string[] } {
    const texts: string[] = [];
    for (const change of changes) {
      if (change.index <= after) continue;
      const match = matchChange(this.plan, change, judged);
      if (match.kind === 'resync') return match;
      if (match.kind === 'change') texts.push(match.text);
    }
    return { kind: 'texts', texts };
  }

  /** Without changes: what tells a client that holds part of a transaction that this was all. */
  end(envelope: ChangeEnvelope): EncodedChanges {
    return this.#frame(envelope, []);
  }

  #frame(envelope: ChangeEnvelope, texts: readonly string[]): EncodedChanges {
    const through = envelope.body().changes.at(-1)?.index ?? 0;
    // In mode latest nobody is told that a transaction is over, be its end kept back or without changes for this topic.
    const more = this.mode === 'every' && envelope.body().more;
    const frame = changesFrame(this.id, envelope, through, texts, more);
    return { kind: 'frame', frame, changes: texts.length };
  }

  /** To every subscriber that is up to date; the others come to this envelope by themselves. @returns the changes written */
  deliver(envelope: ChangeEnvelope, changes: readonly RowChange[], judged: Judged): number {
    if (this.skipping.size > 0) this.flush();
    else if (this.mode === 'latest') return this.#holdLatest(envelope, changes, judged);
    const encoded = this.encode(envelope, changes, judged);
    if (encoded.kind === 'nothing' && !envelope.body().ends) return 0;
    const { writeRate, batchMs } = this.#policy;
    const now = Date.now();
    if (encoded.kind === 'frame' && this.#mayWait && this.skipping.size === 0 && writeRate.isHigh(now)) {
      this.#batch.add(encoded.frame, encoded.changes, envelope);
      this.#flushIn(batchMs);
      return 0;
    }
    this.flush();
    let delivered = 0;
    for (const subscription of this.subscriptions) {
      if (!subscription.live) continue;
      if (encoded.kind === 'resync') subscription.resync(encoded.reason);
      else delivered += subscription.offer(envelope, changes, judged, encoded.kind === 'frame' ? encoded : undefined);
    }
    writeRate.wrote(this.subscriptions.size, now);
    return delivered;
  }

  /** What waits goes to those that are live now: before another becomes it, or leaves. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const kept = this.#batch.take();
    if (!kept) return;
    const now = Date.now();
    this.#flushedAt = now;
    const frame = this.mode === 'latest' ? this.#latestFrame(kept.last, kept.latest) : Buffer.concat(kept.frames);
    let receivers = 0;
    for (const subscription of this.subscriptions) {
      if (subscription.live && subscription.give(frame, kept.changes, kept.last)) receivers += 1;
    }
    this.#policy.writeRate.wrote(receivers, now);
    for (const [envelope, count] of kept.envelopes) this.#policy.onDelivered(envelope, count * receivers);
  }

  /** Whether changes of the envelope wait for others. */
  holds(envelope: ChangeEnvelope): boolean {
    return this.#batch.holds(envelope);
  }

  /** In mode `latest`: whether a newer change of the key was sent in its place. */
  wasReplaced(change: RowChange): boolean {
    return this.#batch.wasReplaced(change);
  }

  /** Nobody is left. */
  close(): void {
    this.flush();
  }

  #holdLatest(envelope: ChangeEnvelope, changes: readonly RowChange[], judged: Judged): number {
    for (const change of changes) {
      const match = matchChange(this.plan, change, judged);
      if (match.kind === 'none') continue;
      if (match.kind === 'resync') {
        this.flush();
        for (const subscription of this.subscriptions) if (subscription.live) subscription.resync(match.reason);
        return 0;
      }
      for (const part of byKey(this.plan, change, match, judged)) {
        if (this.#batch.replace(part.key, part.text, part.change, envelope)) this.#policy.onConflated();
      }
    }
    const due = this.#flushedAt + this.#policy.latestMs - Date.now();
    if (due <= 0) this.flush();
    else this.#flushIn(due);
    return 0;
  }

  #flushIn(ms: number): void {
    if (this.#batch.isFull) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), ms);
  }

  /** Never part of a transaction: it holds the newest of several. */
  #latestFrame(envelope: ChangeEnvelope, texts: readonly string[]): Buffer {
    return changesFrame(this.id, envelope, envelope.body().changes.at(-1)?.index ?? 0, texts, false);
  }
}
