/** Brings a subscription from where it begins to where its topic is. */
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import { Backlog, type BacklogOptions } from './backlog.ts';
import { seenThrough, WHOLE } from './gate.ts';
import { MAX_BATCH_IMAGES, type RightsClass } from './rights-class.ts';
import { passesFilter, type Visible } from './row-match.ts';
import type { Subscription } from './subscription.ts';
import type { Topic } from './topic.ts';

export interface CatchUp extends BacklogOptions {
  rights: RightsClass;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
}

/** Ends with the subscription live, or ended by a resync. @throws what a policy or the database throws */
export async function catchUp(subscription: Subscription, context: CatchUp): Promise<void> {
  const { feed, rights, onDelivered } = context;
  const { gate, topic, startedAt } = subscription;
  const backlog =
    gate.kind === 'open'
      ? new Backlog(context, { sequence: rights.cursor(topic), lsn: feed.lsn() })
      : Backlog.behind(context, gate.lsn, gate.index === WHOLE);
  subscription.beginning ??= { gate, sequence: backlog.sequence };
  while (!subscription.ended) {
    const next = backlog.next(rights.cursor(topic));
    if (next?.length === 0) {
      subscription.goLive();
      return;
    }
    const envelopes = next ?? (await backlog.readOlder());
    if ('reason' in envelopes) return subscription.resync(envelopes.reason);
    const unseen = envelopes.filter((envelope) => seenThrough(subscription.gate, envelope) !== 'all');
    await decided(unseen, topic, rights, async (envelope, visible) => {
      await subscription.sink.room();
      const sent = subscription.offer(envelope, envelope.body().changes, visible, undefined);
      // What came while it waited is as new to it as to those that are live; what it resumes behind is not.
      if (sent > 0 && next && envelope.receivedAt >= startedAt) onDelivered(envelope, sent);
      return !subscription.ended;
    });
    subscription.caughtUpTo = backlog.sequence;
  }
}

/**
 * Tells of each envelope, in order, what the class may see of those of its rows that may concern the topic; until it is told to stop.
 * Policies are asked for as many at once as a class asks itself.
 */
export async function decided(
  envelopes: readonly ChangeEnvelope[],
  topic: Topic,
  rights: RightsClass,
  give: (envelope: ChangeEnvelope, visible: Visible) => Promise<boolean>,
): Promise<void> {
  const batch = new Map<ChangeEnvelope, RowChange[]>();
  let images = 0;
  const flush = async () => {
    const visible = await rights.visible([...batch.keys()], (envelope) => batch.get(envelope) ?? []);
    for (const envelope of batch.keys()) if (!(await give(envelope, visible))) return false;
    batch.clear();
    images = 0;
    return true;
  };
  for (const envelope of envelopes) {
    const asked = rights.isOpen ? [] : envelope.body().changes.filter((change) => mayConcern(topic, change));
    batch.set(envelope, asked);
    images += asked.length * 2;
    if (images >= MAX_BATCH_IMAGES && !(await flush())) return;
  }
  if (batch.size > 0) await flush();
}

function mayConcern({ plan }: Topic, { row, before }: RowChange): boolean {
  return (row && passesFilter(plan, row) !== false) || (before && passesFilter(plan, before) !== false) || false;
}
