/**
 * Decides, once the slot is ours, whether what will be published continues what JetStream holds. Pure.
 *
 * The slot's confirmed position only ever moves to what JetStream acknowledged (PROTOCOL.md, R2), so a stream that
 * ends before it has lost its tail, and a slot that begins after the stream's end has skipped something. Either way a
 * reader who only looked at the stream would miss changes without noticing: a new epoch tells it.
 */
import type { EnvelopePlace, Lsn, MessagePlace } from '@tidemark/contracts';

export interface ContinuityFacts {
  /** The last row of tidemark.epochs. */
  epoch: { epoch: string; systemIdentifier: string; timeline: number };
  server: { systemIdentifier: string; timeline: number; flushedLsn: Lsn };
  /** What the slot will send from. */
  confirmedLsn: Lsn;
  /** Created by this attempt, since it was absent or lost. */
  slotCreated: boolean;
  /** The last message of the stream; undefined where it holds nothing. */
  tail: MessagePlace | undefined;
  /** The sequence of the last message ever stored, also where it has been removed since. */
  lastSequence: number;
}

export type Continuity =
  /** Go on under this epoch, leaving out the envelopes up to `after` and all transactions up to `settled`. */
  | { kind: 'continue'; after: EnvelopePlace | undefined; settled: Lsn }
  /** Mint an epoch and publish all that the slot sends. */
  | { kind: 'mint'; reason: string };

export function judgeContinuity(facts: ContinuityFacts): Continuity {
  const { epoch, server, confirmedLsn, slotCreated, tail, lastSequence } = facts;
  if (epoch.systemIdentifier !== server.systemIdentifier) return mint('the database is on another cluster');
  if (epoch.timeline !== server.timeline) return mint(`the timeline is ${server.timeline}, not ${epoch.timeline}`);
  if (!tail) {
    // A slot and a stream that are both new have nothing to break.
    if (slotCreated && lastSequence === 0) return { kind: 'continue', after: undefined, settled: confirmedLsn };
    return mint(slotCreated ? 'the replication slot was lost' : 'the stream is empty');
  }
  if (slotCreated) return mint('the replication slot was lost');
  if (tail.epoch > epoch.epoch) return mint('the database is older than the stream');
  // Nothing was published under the newer epoch yet: its readers start from here.
  if (tail.epoch < epoch.epoch) return { kind: 'continue', after: undefined, settled: confirmedLsn };
  if (tail.lsn < confirmedLsn) return mint('the end of the stream is lost');
  if (tail.lsn > server.flushedLsn) return mint('the stream is ahead of the database');
  return { kind: 'continue', after: tail.envelope, settled: tail.heartbeat ? tail.lsn : confirmedLsn };
}

const mint = (reason: string): Continuity => ({ kind: 'mint', reason });
