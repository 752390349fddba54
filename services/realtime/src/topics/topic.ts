/** A topic: one query under one RLS group. Its subscribers get the same frames, each built once. */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import type { LivePlan } from '../query/live-plan.ts';
import { byKey, type Judged, matchChange } from '../query/row-match.ts';
import type { SharedSnapshot } from '../snapshots/shared-snapshot.ts';
import { changesFrame } from './frame.ts';
import { FrameBatch } from './frame-batch.ts';
import type { Subscription } from './subscription.ts';
import type { WriteRate } from './write-rate.ts';

interface Frame {
  kind: 'frame';
  frame: Buffer;
  /** 0 for the end of a transaction whose last part does not concern the topic. */
  changes: number;
  more: boolean;
}

export interface Resync {
  kind: 'resync';
  reason: string;
}

export type Mode = 'every' | 'latest';

export interface DeliveryPolicy {
  writeRate: WriteRate;
  /** Delay while the write rate is high, ms. */
  batchMs: number;
  latestMs: number;
  /** `schema.table`: changes of these tables are never delayed. */
  priority: ReadonlySet<string>;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onConflated(): void;
}

export interface TopicInit {
  id: number;
  key: string;
  plan: LivePlan;
  mode: Mode;
  policy: DeliveryPolicy;
}

export class Topic {
  readonly id: number;
  readonly key: string;
  readonly plan: LivePlan;
  readonly mode: Mode;
  readonly subscriptions = new Set<Subscription>();
  /** Live subscriptions that have received some of the coming transactions already (snapshot-visibility.ts). */
  readonly skipping = new Set<Subscription>();
  shared: SharedSnapshot | undefined;
  #policy: DeliveryPolicy;
  #mayWait: boolean;
  #batch = new FrameBatch();
  #timer: NodeJS.Timeout | undefined;
  #flushedAt = 0;

  constructor({ id, key, plan, mode, policy }: TopicInit) {
    this.id = id;
    this.key = key;
    this.plan = plan;
    this.mode = mode;
    this.#policy = policy;
    this.#mayWait = !policy.priority.has(`${plan.facts.schema}.${plan.facts.table}`);
  }

  /** Returns JSON texts. `after` skips the changes up to this index. */
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

  /** Skips subscriptions that are not live: they catch up with the envelope by themselves. */
  deliver(envelope: ChangeEnvelope, changes: readonly RowChange[], judged: Judged): number {
    if (this.skipping.size > 0) this.flush();
    else if (this.mode === 'latest') return this.#conflate(envelope, changes, judged);
    const encoded = this.#encode(envelope, changes, judged);
    if (!encoded) return 0;
    const { writeRate, batchMs } = this.#policy;
    const now = Date.now();
    if (
      encoded.kind === 'frame' &&
      encoded.changes > 0 &&
      this.#mayWait &&
      this.skipping.size === 0 &&
      writeRate.isHigh(now)
    ) {
      this.#batch.add(encoded.frame, encoded.changes, envelope);
      this.#flushIn(batchMs);
      return 0;
    }
    this.flush();
    let delivered = 0;
    for (const subscription of this.subscriptions) {
      if (!subscription.live) continue;
      if (this.skipping.has(subscription)) delivered += this.offer(subscription, envelope, changes, judged, encoded);
      else delivered += send(subscription, encoded);
    }
    writeRate.wrote(this.subscriptions.size, now);
    return delivered;
  }

  /** `shared` is the frame for subscriptions that have seen nothing of the envelope. */
  offer(
    subscription: Subscription,
    envelope: ChangeEnvelope,
    changes: readonly RowChange[],
    judged: Judged,
    shared?: Frame | Resync,
  ): number {
    if (subscription.ended) return 0;
    const seen = subscription.seen(envelope);
    if (subscription.visibility.kind === 'open') this.skipping.delete(subscription);
    if (seen === 'all') return 0;
    if (seen === 'none' && shared) return send(subscription, shared);
    const own = this.#encode(envelope, changes, judged, seen === 'none' ? -1 : seen);
    return own ? send(subscription, own) : 0;
  }

  /** The subscription has caught up with the changes in the batch, so it must not receive them again. */
  goLive(subscription: Subscription): void {
    this.flush();
    subscription.live = true;
    if (subscription.visibility.kind !== 'open') this.skipping.add(subscription);
  }

  remove(subscription: Subscription): void {
    this.subscriptions.delete(subscription);
    this.skipping.delete(subscription);
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const kept = this.#batch.take();
    if (!kept) return;
    const now = Date.now();
    this.#flushedAt = now;
    const more = this.mode === 'every' && kept.last.body().more;
    const frame =
      this.mode === 'latest'
        ? changesFrame(this.id, kept.last, lastIndex(kept.last), kept.latest, false)
        : Buffer.concat(kept.frames);
    let receivers = 0;
    for (const subscription of this.subscriptions) {
      if (subscription.live && subscription.send(frame, kept.changes, more)) receivers += 1;
    }
    this.#policy.writeRate.wrote(receivers, now);
    for (const [envelope, count] of kept.envelopes) this.#policy.onDelivered(envelope, count * receivers);
  }

  holds(envelope: ChangeEnvelope): boolean {
    return this.#batch.holds(envelope);
  }

  wasReplaced(change: RowChange): boolean {
    return this.#batch.wasReplaced(change);
  }

  close(): void {
    this.flush();
  }

  #encode(
    envelope: ChangeEnvelope,
    changes: readonly RowChange[],
    judged: Judged,
    after = -1,
  ): Frame | Resync | undefined {
    const matched = this.texts(changes, judged, after);
    if (matched.kind === 'resync') return matched;
    const { texts } = matched;
    if (texts.length === 0 && !envelope.body().ends) return undefined;
    // In mode latest a frame may lack changes of its transaction, so a client cannot wait for the end of one.
    const more = this.mode === 'every' && envelope.body().more;
    const frame = changesFrame(this.id, envelope, lastIndex(envelope), texts, more);
    return { kind: 'frame', frame, changes: texts.length, more };
  }

  #conflate(envelope: ChangeEnvelope, changes: readonly RowChange[], judged: Judged): number {
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
}

function send(subscription: Subscription, encoded: Frame | Resync): number {
  if (encoded.kind === 'resync') {
    subscription.resync(encoded.reason);
    return 0;
  }
  // Only a client that holds part of the transaction waits for its end.
  if (encoded.changes === 0 && !subscription.isInside) return 0;
  return subscription.send(encoded.frame, encoded.changes, encoded.more) ? encoded.changes : 0;
}

const lastIndex = (envelope: ChangeEnvelope): number => envelope.body().changes.at(-1)?.index ?? 0;
