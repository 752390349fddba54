/**
 * Brings a subscription from where it begins to where its topic is, out of JetStream and the ring.
 */
import type { ChangeEnvelope } from '../changes/envelope.ts';
import type { Feed } from '../changes/feed.ts';
import type { History } from '../changes/history.ts';
import { type Gate, seenThrough } from './gate.ts';
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

/** Ends with the subscription live, or ended by a resync. @throws what a policy or the database throws */
export async function catchUp(subscription: Subscription, context: CatchUp): Promise<void> {
  const { feed, rights } = context;
  const { gate } = subscription;
  let sequence = rights.cursor();
  if (gate.kind !== 'open') {
    const floor = feed.ring.floor;
    if (!floor) return subscription.resync('this instance has just begun to follow the changes');
    sequence = floor.sequence;
    if (!covers(floor.lsn, gate)) {
      const older = await readOlder(context, gate, floor.sequence);
      if (!older) return subscription.resync('the position is too old: the changes since then are no longer kept');
      await give(subscription, context, older);
    }
  }
  while (!subscription.ended) {
    const waiting = feed.ring.since(context.tableKey, sequence);
    if (!waiting) return subscription.resync('the changes came faster than they could be caught up with');
    const upTo = rights.cursor();
    const batch = waiting.filter((envelope) => envelope.sequence <= upTo).slice(0, BATCH);
    const last = batch.at(-1);
    if (!last) {
      subscription.live = true;
      return;
    }
    await give(subscription, context, batch);
    sequence = last.sequence;
  }
}

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

/** Whether the ring has everything that the gate lets through. */
function covers(floor: bigint, gate: Gate): boolean {
  switch (gate.kind) {
    case 'open':
      return true;
    case 'position':
      return floor < gate.lsn || (floor === gate.lsn && gate.index === 0xffff_ffff);
    case 'standby':
      return floor <= gate.after;
    // What was committed but not yet visible is younger than the ring, unless a commit hung for as long as the ring reaches.
    case 'primary':
      return floor <= gate.until;
  }
}

function readOlder({ feed, history, schema, table }: CatchUp, gate: Gate, to: number) {
  const from = gate.kind === 'position' ? gate.lsn : gate.kind === 'standby' ? gate.after : undefined;
  const epoch = feed.epoch();
  if (from === undefined || epoch === undefined) return Promise.resolve(undefined);
  return history.read({ schema, table, epoch, from, to });
}
