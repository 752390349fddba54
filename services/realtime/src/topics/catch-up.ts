/**
 * Brings a subscription from where it begins to where its topic is, out of JetStream and the ring.
 */
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';
import { seenThrough } from './gate.ts';
import type { RightsClass } from './rights-class.ts';
import type { Subscription } from './subscription.ts';

export interface CatchUp {
  feed: Feed;
  history: History;
  rights: RightsClass;
  schema: string;
  table: string;
  tableKey: string;
}

/** Envelopes that are decided at once under row-level security. */
const BATCH = 50;
/** The ring may move on while JetStream is read; a subscriber that does not catch up in so many rounds never will. */
const MAX_ROUNDS = 10;

/** Ends with the subscription live, or ended by a resync. @throws what a policy or the database throws */
export async function catchUp(subscription: Subscription, context: CatchUp): Promise<void> {
  const { feed, rights } = context;
  const { gate, topic } = subscription;
  let at = { sequence: rights.cursor(topic), lsn: feed.lsn() };
  if (gate.kind !== 'open') {
    const floor = feed.ring.floor;
    if (!floor) return subscription.resync('this instance has just begun to follow the changes');
    const after = gate.kind === 'position' ? gate.lsn : gate.after;
    const isCovered = floor.lsn < after || (floor.lsn === after && (gate.kind !== 'position' || gate.index === LAST));
    at = { sequence: isCovered ? floor.sequence : -1, lsn: after };
  }
  subscription.beginning = { gate, sequence: at.sequence };
  for (let round = 0; !subscription.ended; ) {
    const waiting = at.sequence < 0 ? undefined : feed.ring.since(context.tableKey, at.sequence);
    if (!waiting) {
      round += 1;
      if (round > MAX_ROUNDS) return subscription.resync('the changes came faster than they could be caught up with');
      const older = await readOlder(context, at);
      if ('reason' in older) return subscription.resync(older.reason);
      await give(subscription, context, older.envelopes);
      at = { sequence: older.to, lsn: older.lsn };
      subscription.caughtUpTo = at.sequence;
      continue;
    }
    const upTo = rights.cursor(topic);
    const batch = waiting.filter((envelope) => envelope.sequence <= upTo).slice(0, BATCH);
    const last = batch.at(-1);
    if (!last) {
      subscription.goLive();
      return;
    }
    await give(subscription, context, batch);
    at = last;
    subscription.caughtUpTo = last.sequence;
  }
}

/** Of a position: everything in its transaction. */
const LAST = 0xffff_ffff;

async function give(
  subscription: Subscription,
  { rights }: CatchUp,
  envelopes: readonly ChangeEnvelope[],
): Promise<void> {
  const unseen = envelopes.filter((envelope) => seenThrough(subscription.gate, envelope) !== 'all');
  for (let at = 0; at < unseen.length && !subscription.ended; at += BATCH) {
    const batch = unseen.slice(at, at + BATCH);
    const visible = await rights.visible(batch, (envelope) => envelope.body().changes);
    for (const envelope of batch) {
      await subscription.sink.room();
      subscription.offer(envelope, envelope.body().changes, visible, undefined);
    }
  }
}

/** What came behind `at` and is no longer in the ring, up to where the ring begins. */
async function readOlder(
  { feed, history, schema, table }: CatchUp,
  at: { sequence: number; lsn: bigint },
): Promise<{ reason: string } | { envelopes: ChangeEnvelope[]; to: number; lsn: bigint }> {
  const epoch = feed.epoch();
  const floor = feed.ring.floor;
  if (epoch === undefined || !floor) return { reason: 'this instance has just begun to follow the changes' };
  const read = await history.read({ schema, table, epoch, from: at.lsn, to: floor.sequence });
  if (read.kind === 'gone') return read;
  const envelopes = read.envelopes.filter((envelope) => envelope.sequence > at.sequence);
  return { envelopes, to: floor.sequence, lsn: floor.lsn };
}
