import type { Lsn } from '@tidemark/contracts';
import type { ChangeEnvelope, RowChange } from '../changes/envelope.ts';
import { type Judged, mayConcern } from '../query/row-match.ts';
import { MAX_BATCH_IMAGES, type RlsGroup } from '../rls/rls-group.ts';
import { seenThrough, WHOLE } from '../snapshots/snapshot-visibility.ts';
import { CHANGED } from '../topics/resync-reasons.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Topic } from '../topics/topic.ts';
import { Backlog, type BacklogOptions } from './backlog.ts';

export interface CatchUp extends BacklogOptions {
  topic: Topic;
  group: RlsGroup;
  /** The beginning of a subscription without a snapshot or a position. */
  from: { sequence: number; lsn: Lsn };
  onDelivered(envelope: ChangeEnvelope, changes: number): void;
}

export async function catchUp(subscription: Subscription, context: CatchUp): Promise<void> {
  const { visibility } = subscription;
  const backlog =
    visibility.kind === 'open'
      ? new Backlog(context, context.from)
      : Backlog.behind(context, visibility.lsn, visibility.index === WHOLE);
  subscription.beginning ??= { visibility, sequence: backlog.sequence };
  try {
    await catchUpFrom(backlog, subscription, context);
  } finally {
    backlog.release();
  }
}

async function catchUpFrom(backlog: Backlog, subscription: Subscription, context: CatchUp): Promise<void> {
  const { topic, group, onDelivered } = context;
  while (!subscription.ended) {
    const next = backlog.next(group.cursor(topic));
    if (next?.length === 0) {
      topic.goLive(subscription);
      return;
    }
    const envelopes = next ?? (await backlog.readOlder());
    if ('reason' in envelopes) return subscription.resync(envelopes.reason);
    const unseen = envelopes.filter((envelope) => seenThrough(subscription.visibility, envelope) !== 'all');
    if (!unseen.every((envelope) => group.rendered.accepts(envelope))) return subscription.resync(CHANGED);
    const isWanted = () => !subscription.ended;
    await decided(unseen, { topic, group, isWanted }, async (envelope, judged) => {
      await subscription.sink.room();
      const sent = topic.offer(subscription, envelope, envelope.body().changes, judged);
      // Changes that arrived before the subscription began would distort the delivery times.
      if (sent > 0 && next && envelope.receivedAt >= subscription.startedAt) onDelivered(envelope, sent);
      return !subscription.ended;
    });
    subscription.caughtUpTo = backlog.sequence;
  }
}

/** Filters and policies are evaluated in batches of MAX_BATCH_IMAGES. Stops when `give` returns false. */
export async function decided(
  envelopes: readonly ChangeEnvelope[],
  { topic, group, isWanted }: { topic: Topic; group: RlsGroup; isWanted(): boolean },
  give: (envelope: ChangeEnvelope, judged: Judged) => Promise<boolean>,
): Promise<void> {
  let batch: ChangeEnvelope[] = [];
  let images = 0;
  const flush = async () => {
    const passes = await group.passes(topic, changesOf(batch), isWanted);
    if (!isWanted()) return false;
    const judged = { visible: undefined, passes };
    const visible = await group.visible(batch, (envelope) =>
      envelope.body().changes.filter((change) => mayConcern(topic.plan, change, judged)),
    );
    for (const envelope of batch) if (!(await give(envelope, { visible, passes }))) return false;
    batch = [];
    images = 0;
    return true;
  };
  for (const envelope of envelopes) {
    batch.push(envelope);
    images += envelope.body().changes.length * 2;
    if (images >= MAX_BATCH_IMAGES && !(await flush())) return;
  }
  if (batch.length > 0) await flush();
}

function* changesOf(envelopes: readonly ChangeEnvelope[]): Generator<RowChange> {
  for (const envelope of envelopes) yield* envelope.body().changes;
}
