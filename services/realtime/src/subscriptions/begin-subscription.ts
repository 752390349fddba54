import type { Lsn } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { SharedLimit } from '@tidemark/service';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';
import { isRefusal } from '../is-refusal.ts';
import type { Membership } from '../membership/membership.ts';
import { publicError } from '../public-error.ts';
import type { RlsGroup } from '../rls/rls-group.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { CHANGED, UNREADABLE } from '../topics/resync-reasons.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Topic } from '../topics/topic.ts';
import { Window } from '../windows/window.ts';
import { catchUp } from './catch-up.ts';
import { sendSnapshot } from './send-snapshot.ts';
import { settleSnapshot } from './settle-snapshot.ts';

export interface Beginnings {
  feed: Feed;
  history: History;
  snapshots: Snapshots;
  sharedSnapshots: SharedLimit;
  membership: Membership;
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
  onFailed(error: Error): void;
}

export interface BeginningSubscription {
  subscription: Subscription;
  identity: Identity;
  topic: Topic;
  group: RlsGroup;
  tableKey: string;
  /** Position of the facts of this subscription. */
  from: Lsn;
  wants: { snapshot: boolean; resumes: boolean };
  isOutdated(): Promise<boolean>;
}

/** Resolves when the subscription is live or has ended. */
export async function beginSubscription(beginning: BeginningSubscription, options: Beginnings): Promise<void> {
  const { subscription } = beginning;
  const progress = { what: 'rows' as 'rows' | 'policies' };
  try {
    await begin(beginning, options, progress);
  } catch (thrown) {
    const error = thrown as Error;
    if (subscription.ended || subscription.sink.closed) return subscription.end();
    options.onFailed(error);
    if (error instanceof SyntaxError) return subscription.resync(UNREADABLE);
    // Postgres refuses a query that was valid when it was planned where a column has been renamed since.
    if (isRefusal(error) && (await beginning.isOutdated())) return subscription.resync(CHANGED);
    subscription.fail(publicError(error, { table: beginning.group.facts.table, what: progress.what }));
  }
}

async function begin(
  { subscription, identity, topic, group, tableKey, from: factsFrom, wants }: BeginningSubscription,
  { feed, history, snapshots, sharedSnapshots, membership, onDelivered }: Beginnings,
  progress: { what: 'rows' | 'policies' },
): Promise<void> {
  const { schema, table } = group.facts;
  const { holder } = subscription.sink;
  const from = { sequence: group.cursor(topic), lsn: feed.lsn() };
  const context = { feed, history, topic, group, schema, table, tableKey, holder, from, onDelivered };
  if (group.facts.tablesRead.tables.length > 0) await membership.ready(group);
  if (topic instanceof Window) {
    topic.notBefore(membership.floor(group));
    topic.notBefore(factsFrom);
    await topic.join(subscription, identity, wants.snapshot || wants.resumes);
    return;
  }
  if (wants.snapshot) {
    const snapshot = await sendSnapshot({
      subscription,
      topic,
      snapshots,
      identity,
      feed,
      tableKey,
      from: factsFrom,
      notBefore: membership.floor(group),
      kept: sharedSnapshots,
    });
    progress.what = 'policies';
    await settleSnapshot(subscription, snapshot, context);
  }
  progress.what = 'policies';
  const { visibility } = subscription;
  if (!wants.snapshot && visibility.kind === 'position') {
    subscription.beginning = { visibility, sequence: -1 };
    if (membership.hasChangedSince(group, visibility, tableKey))
      return subscription.resync('the tables that the row-level security reads may have changed since the position');
  }
  if (!subscription.ended) await catchUp(subscription, context);
}
