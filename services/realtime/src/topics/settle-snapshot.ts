/**
 * Brings a subscription from its snapshot, which sees transactions and not places in the WAL, to one position from which it
 * can be resumed anywhere: once the feed has got to where the WAL was by then, the client is given what the snapshot lacks up
 * to there (transactions that were committing while it was taken; most times, none) and the position, which make one whole.
 */
import { formatPosition } from '@tidemark/contracts';
import type { ChangeEnvelope } from '../changes/envelope.ts';
import { Backlog, type BacklogOptions } from './backlog.ts';
import { type CatchUp, decided } from './catch-up.ts';
import { changesUpTo, partFrame } from './frame.ts';
import { type SnapshotGate, seenThrough, WHOLE } from './gate.ts';
import type { TakenSnapshot } from './shared-snapshot.ts';
import type { Subscription } from './subscription.ts';

/** Between two looks whether somebody still waits, while the relay works off what came before, ms. */
const LOOK_MS = 1_000;

/** Ends with the subscription at a position, or ended. @throws what a policy or the database throws */
export async function settleSnapshot(
  subscription: Subscription,
  snapshot: TakenSnapshot,
  context: CatchUp,
): Promise<void> {
  const { feed, rights } = context;
  const { topic, sink } = subscription;
  const { gate, place } = snapshot;
  subscription.beginning = { gate, sequence: -1 };
  if (place === undefined) {
    let isReached = false;
    while (!subscription.ended && !isReached) isReached = await feed.reached(gate.until, LOOK_MS);
    if (subscription.ended) return;
    snapshot.lacking ??= lackingOf(gate, context);
    const lacking = await snapshot.lacking;
    if ('reason' in lacking) return subscription.resync(lacking.reason);
    const isWanted = () => !subscription.ended;
    await decided(lacking, { topic, rights, isWanted }, async (envelope, judged) => {
      await sink.room();
      const part = topic.texts(envelope.body().changes, judged);
      if (part.kind === 'resync') subscription.resync(part.reason);
      else if (part.texts.length > 0) subscription.send(partFrame(topic.id, part.texts), part.texts.length);
      return !subscription.ended;
    });
    if (subscription.ended) return;
    subscription.send(changesUpTo(topic.id, formatPosition(feed.epoch() ?? '', gate.until, WHOLE), []), 0);
  }
  subscription.gate = { kind: 'position', lsn: place ?? gate.until, index: WHOLE };
}

/** The envelopes up to `gate.until`, which the feed has reached, that are not in the snapshot. */
async function lackingOf(gate: SnapshotGate, context: BacklogOptions): Promise<ChangeEnvelope[] | { reason: string }> {
  const backlog = Backlog.behind(context, gate.after, true);
  const upTo = context.feed.sequence();
  const lacking: ChangeEnvelope[] = [];
  try {
    for (;;) {
      const next = backlog.next(upTo);
      const envelopes = next ?? (await backlog.readOlder());
      if ('reason' in envelopes) return envelopes;
      for (const envelope of envelopes) {
        if (envelope.lsn > gate.until) return lacking;
        if (seenThrough(gate, envelope) !== 'all') lacking.push(envelope);
      }
      if (next?.length === 0) return lacking;
    }
  } finally {
    backlog.release();
  }
}
