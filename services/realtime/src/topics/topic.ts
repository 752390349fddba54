/**
 * A topic: one query under one class of rights. Its subscribers get the same frames, each made once.
 */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import { changesFrame } from './frame.ts';
import type { LivePlan } from './live-plan.ts';
import { matchChange, type Visible } from './row-match.ts';
import type { SharedSnapshot } from './shared-snapshot.ts';
import type { Subscription } from './subscription.ts';

export interface EncodedChanges {
  kind: 'frame';
  frame: Buffer;
  changes: number;
}

export type Encoded = EncodedChanges | { kind: 'nothing' } | { kind: 'resync'; reason: string };

const NOTHING: Encoded = { kind: 'nothing' };

export class Topic {
  /** In frames; unique in this instance. */
  readonly id: number;
  readonly key: string;
  readonly plan: LivePlan;
  readonly subscriptions = new Set<Subscription>();
  shared: SharedSnapshot | undefined;

  constructor(id: number, key: string, plan: LivePlan) {
    this.id = id;
    this.key = key;
    this.plan = plan;
  }

  /** The frame for these changes of an envelope, which are all of it that may concern this topic. */
  encode(envelope: ChangeEnvelope, changes: readonly RowChange[], visible: Visible, after = -1): Encoded {
    const texts: string[] = [];
    for (const change of changes) {
      if (change.index <= after) continue;
      const match = matchChange(this.plan, change, visible);
      if (match.kind === 'resync') return match;
      if (match.kind === 'change') texts.push(match.text);
    }
    return texts.length === 0 ? NOTHING : this.#frame(envelope, texts);
  }

  /** Without changes: what tells a client that holds part of a transaction that this was all. */
  end(envelope: ChangeEnvelope): EncodedChanges {
    return this.#frame(envelope, []);
  }

  #frame(envelope: ChangeEnvelope, texts: readonly string[]): EncodedChanges {
    const through = envelope.body().changes.at(-1)?.index ?? 0;
    return { kind: 'frame', frame: changesFrame(this.id, envelope, through, texts), changes: texts.length };
  }

  /** To every subscriber that is up to date; the others come to this envelope by themselves. */
  deliver(envelope: ChangeEnvelope, changes: readonly RowChange[], visible: Visible): number {
    const encoded = this.encode(envelope, changes, visible);
    if (encoded.kind === 'nothing' && !envelope.body().ends) return 0;
    let delivered = 0;
    for (const subscription of this.subscriptions) {
      if (!subscription.live) continue;
      if (encoded.kind === 'resync') subscription.resync(encoded.reason);
      else delivered += subscription.offer(envelope, changes, visible, encoded.kind === 'frame' ? encoded : undefined);
    }
    return delivered;
  }
}
