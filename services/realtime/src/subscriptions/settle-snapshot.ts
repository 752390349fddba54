/**
 * Brings a subscription from its snapshot to a position from which it can resume: once the feed has reached the
 * snapshot's end of the WAL, the client receives the transactions that were committing meanwhile.
 */
import { formatPosition } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { TakenSnapshot } from '../snapshots/shared-snapshot.ts';
import { type SnapshotVisibility, seenThrough, WHOLE } from '../snapshots/snapshot-visibility.ts';
import { changesUpTo, partFrame } from '../topics/frame.ts';
import { CHANGED } from '../topics/resync-reasons.ts';
import type { Subscription } from '../topics/subscription.ts';
import { Backlog, type BacklogOptions } from './backlog.ts';
import { type CatchUp, decided } from './catch-up.ts';

const LOOK_MS = 1_000;

export async function settleSnapshot(
  subscription: Subscription,
  snapshot: TakenSnapshot,
  context: CatchUp,
): Promise<void> {
  const { feed, topic, group } = context;
  const { sink } = subscription;
  const { visibility, place } = snapshot;
  subscription.beginning = { visibility, sequence: -1 };
  if (place === undefined) {
    let isReached = false;
    while (!subscription.ended && !isReached) isReached = await feed.reached(visibility.until, LOOK_MS);
    if (subscription.ended) return;
    snapshot.lacking ??= lackingOf(visibility, context);
    const lacking = await snapshot.lacking;
    if ('reason' in lacking) return subscription.resync(lacking.reason);
    if (!lacking.every((envelope) => group.rendered.accepts(envelope))) return subscription.resync(CHANGED);
    const isWanted = () => !subscription.ended;
    await decided(lacking, { topic, group, isWanted }, async (envelope, judged) => {
      await sink.room();
      const part = topic.texts(envelope.body().changes, judged);
      if (part.kind === 'resync') subscription.resync(part.reason);
      else if (part.texts.length > 0) subscription.send(partFrame(topic.id, part.texts), part.texts.length);
      return !subscription.ended;
    });
    if (subscription.ended) return;
    subscription.send(changesUpTo(topic.id, formatPosition(feed.epoch() ?? '', visibility.until, WHOLE), []), 0);
  }
  subscription.visibility = { kind: 'position', lsn: place ?? visibility.until, index: WHOLE };
}

async function lackingOf(
  visibility: SnapshotVisibility,
  context: BacklogOptions,
): Promise<ChangeEnvelope[] | { reason: string }> {
  const backlog = Backlog.behind(context, visibility.after, true);
  const upTo = context.feed.sequence();
  const lacking: ChangeEnvelope[] = [];
  try {
    for (;;) {
      const next = backlog.next(upTo);
      const envelopes = next ?? (await backlog.readOlder());
      if ('reason' in envelopes) return envelopes;
      for (const envelope of envelopes) {
        if (envelope.lsn > visibility.until) return lacking;
        if (seenThrough(visibility, envelope) !== 'all') lacking.push(envelope);
      }
      if (next?.length === 0) return lacking;
    }
  } finally {
    backlog.release();
  }
}
