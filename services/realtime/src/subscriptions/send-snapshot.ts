import { formatPosition, formatTidemark, type Lsn } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { SharedLimit } from '@tidemark/service';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import { SHARED_MAX_AGE_MS, SHARED_MAX_BYTES, type TakenSnapshot } from '../snapshots/shared-snapshot.ts';
import { exactPlace, seenUpTo } from '../snapshots/snapshot-place.ts';
import { WHOLE } from '../snapshots/snapshot-visibility.ts';
import type { Snapshots } from '../snapshots/snapshots.ts';
import { snapshotFrame } from '../topics/frame.ts';
import type { Subscription } from '../topics/subscription.ts';
import type { Topic } from '../topics/topic.ts';

export interface SendSnapshot {
  subscription: Subscription;
  topic: Topic;
  snapshots: Snapshots;
  identity: Identity;
  feed: Feed;
  tableKey: string;
  /** Position of the facts of this subscription. Those of the topic's first one may be older. */
  from: Lsn;
  /** Position that the snapshot must reflect, for policies that read other tables. */
  notBefore: Lsn;
  kept: SharedLimit;
}

export async function sendSnapshot(context: SendSnapshot): Promise<TakenSnapshot> {
  const { subscription, topic } = context;
  const shared = await topic.shared;
  if (shared?.frames && Date.now() - shared.takenAt < SHARED_MAX_AGE_MS && shared.from >= context.from) {
    for (const frame of shared.frames) await write(subscription, frame);
    return shared;
  }
  // Two subscriptions that waited for a failed snapshot may both take a new one, which does no harm.
  const taking = take(context);
  // `await taking` below throws the failure to the caller.
  const kept = taking.catch(() => undefined);
  topic.shared = kept;
  const forget = () => {
    if (topic.shared === kept) topic.shared = undefined;
  };
  try {
    const taken = await taking;
    if (!taken.frames) forget();
    else {
      setTimeout(() => {
        forget();
        taken.release();
      }, SHARED_MAX_AGE_MS).unref();
    }
    return taken;
  } catch (error) {
    forget();
    throw error;
  }
}

async function take(context: SendSnapshot): Promise<TakenSnapshot> {
  const { subscription, topic, snapshots, identity, feed, tableKey, from, kept } = context;
  let { notBefore } = context;
  if (notBefore < from) notBefore = from;
  const { holder } = subscription.sink;
  let taken: TakenSnapshot | undefined;
  let frames: Buffer[] | undefined = [];
  let bytes = 0;
  const release = () => {
    kept.give(holder, bytes);
    bytes = 0;
    frames = undefined;
    if (taken) taken.frames = undefined;
  };
  const keep = (frame: Buffer) => {
    if (!frames) return;
    if (bytes + frame.length > SHARED_MAX_BYTES || kept.take(holder, frame.length)) return release();
    bytes += frame.length;
    frames.push(frame);
  };
  try {
    await snapshots.take(topic.plan, identity, holder, {
      notBefore,
      onVisibility(placed) {
        const visibility = placed.kind === 'primary' ? { ...placed, after: seenUpTo(feed, tableKey, placed) } : placed;
        taken = { visibility, takenAt: Date.now(), from, frames, release, place: undefined, lacking: undefined };
      },
      async onPage(rows, done) {
        const now = taken as TakenSnapshot;
        if (done) now.place = exactPlace(feed, tableKey, now.visibility);
        const frame = snapshotFrame(topic.id, rows, done ? endOf(feed.epoch() ?? '', now) : undefined);
        keep(frame);
        await write(subscription, frame);
      },
    });
  } catch (error) {
    release();
    throw error;
  }
  return taken as TakenSnapshot;
}

const endOf = (epoch: string, { visibility, place }: TakenSnapshot) => ({
  tidemark: formatTidemark(epoch, visibility.until),
  position: place === undefined ? undefined : formatPosition(epoch, place, WHOLE),
});

async function write(subscription: Subscription, frame: Buffer): Promise<void> {
  await subscription.sink.room();
  if (subscription.ended || !subscription.sink.write(frame))
    throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
}
