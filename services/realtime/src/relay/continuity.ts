/**
 * Decides whether the slot continues the stream. Pure. The slot's position moves only to what JetStream acknowledged
 * (PROTOCOL.md, R2): a stream that ends before it has lost its tail, and a slot that begins after the stream's end
 * has skipped changes. A new epoch tells readers, which would miss changes without noticing.
 */
import type { EnvelopePlace, Lsn, MessagePlace } from '@tidemark/contracts';

export interface ContinuityFacts {
  epoch: { epoch: string; systemIdentifier: string; timeline: number };
  server: { systemIdentifier: string; timeline: number; flushedLsn: Lsn };
  /** Position from which the slot will send. */
  confirmedLsn: Lsn;
  slotCreated: boolean;
  /** The last message of the stream; undefined where it is empty. */
  tail: MessagePlace | undefined;
  /** Sequence of the last message ever stored, even if it was removed since. */
  lastSequence: number;
}

export type Continuity =
  /** Continue the epoch, without the envelopes up to `after` and the transactions up to `settled`. */
  { kind: 'continue'; after: EnvelopePlace | undefined; settled: Lsn } | { kind: 'mint'; reason: string };

export function judgeContinuity(facts: ContinuityFacts): Continuity {
  const { epoch, server, confirmedLsn, slotCreated, tail, lastSequence } = facts;
  if (epoch.systemIdentifier !== server.systemIdentifier) return mint('the database is on another cluster');
  if (epoch.timeline !== server.timeline) return mint(`the timeline is ${server.timeline}, not ${epoch.timeline}`);
  if (!tail) {
    // A new slot and a new stream have no continuity to lose.
    if (slotCreated && lastSequence === 0) return { kind: 'continue', after: undefined, settled: confirmedLsn };
    return mint(slotCreated ? 'the replication slot was lost' : 'the stream is empty');
  }
  if (slotCreated) return mint('the replication slot was lost');
  if (tail.epoch > epoch.epoch) return mint('the database is older than the stream');
  // Nothing was published under the newer epoch yet, so its readers start here.
  if (tail.epoch < epoch.epoch) return { kind: 'continue', after: undefined, settled: confirmedLsn };
  if (tail.lsn < confirmedLsn) return mint('the end of the stream is lost');
  if (tail.lsn > server.flushedLsn) return mint('the stream is ahead of the database');
  return { kind: 'continue', after: tail.envelope, settled: tail.heartbeat ? tail.lsn : confirmedLsn };
}

const mint = (reason: string): Continuity => ({ kind: 'mint', reason });
