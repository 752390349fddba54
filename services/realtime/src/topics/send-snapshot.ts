/** The first part of a subscription: the rows as they are, with the gate that the changes then have to pass. */
import type { Lsn } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import type { Feed } from '../changes/feed.ts';
import { errors } from '../errors.ts';
import { snapshotFrame } from './frame.ts';
import { type Gate, seenThrough } from './gate.ts';
import { SHARED_MAX_AGE_MS, SHARED_MAX_BYTES, type TakenSnapshot } from './shared-snapshot.ts';
import type { Snapshots } from './snapshot.ts';
import type { Subscription } from './subscription.ts';

export interface SendSnapshot {
  subscription: Subscription;
  snapshots: Snapshots;
  identity: Identity;
  feed: Feed;
  /** Table key. */
  key: string;
  position: (lsn: Lsn) => string;
}

/** @throws RT_SNAPSHOTS_BUSY, Postgres's errors */
export async function sendSnapshot(context: SendSnapshot): Promise<void> {
  const { subscription } = context;
  const { topic } = subscription;
  const shared = await topic.shared;
  if (shared && Date.now() - shared.takenAt < SHARED_MAX_AGE_MS) {
    subscription.gate = shared.gate;
    for (const frame of shared.frames) await write(subscription, frame);
    return;
  }
  // Whoever else waited for it may have begun another meanwhile; two at a time do no harm.
  const taking = take(context);
  const kept = taking.catch(() => undefined);
  topic.shared = kept;
  const forget = () => {
    if (topic.shared === kept) topic.shared = undefined;
  };
  try {
    if (await taking) setTimeout(forget, SHARED_MAX_AGE_MS).unref();
    else forget();
  } catch (error) {
    forget();
    throw error;
  }
}

async function take({
  subscription,
  snapshots,
  identity,
  feed,
  key,
  position,
}: SendSnapshot): Promise<TakenSnapshot | undefined> {
  const { topic } = subscription;
  let frames: Buffer[] | undefined = [];
  let bytes = 0;
  let resume = '';
  let taken: Omit<TakenSnapshot, 'frames'> | undefined;
  await snapshots.take(topic.plan, identity, {
    onGate(placed) {
      const gate = placed.kind === 'primary' ? { ...placed, after: seenUpTo(feed, key, placed) } : placed;
      subscription.gate = gate;
      resume = position(gate.after);
      taken = { gate, takenAt: Date.now() };
    },
    async onPage(rows, done) {
      const frame = snapshotFrame(topic.id, rows, done, done ? resume : undefined);
      bytes += frame.length;
      if (bytes > SHARED_MAX_BYTES) frames = undefined;
      frames?.push(frame);
      await write(subscription, frame);
    },
  });
  return taken && frames ? { ...taken, frames } : undefined;
}

async function write(subscription: Subscription, frame: Buffer): Promise<void> {
  await subscription.sink.room();
  // Ended meanwhile (unsubscribed, closed): nobody waits for the rest.
  if (subscription.ended || !subscription.sink.write(frame))
    throw errors.NOT_FOLLOWING({ reason: 'the socket has closed' });
}

/**
 * The snapshot of the primary holds everything up to here: of the transactions that this instance knows, it may lack some,
 * which then were committing while it was taken (a commit is in the WAL before it is visible).
 * @param from up to `lsn` is asked; what came up to `sequence` is known to be in it
 */
export function seenUpTo(feed: Feed, key: string, gate: Gate, from = { lsn: feed.lsn(), sequence: 0 }): Lsn {
  let { lsn } = from;
  for (const envelope of feed.ring.since(key, Math.max(from.sequence, feed.ring.floor?.sequence ?? 0)) ?? []) {
    if (envelope.lsn <= lsn && seenThrough(gate, envelope) !== 'all') lsn = envelope.lsn - 1n;
  }
  return lsn;
}
