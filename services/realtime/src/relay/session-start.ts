/** Finds where a session of the relay begins. Where the stream does not continue the WAL, a new epoch is recorded. */
import { readChangesTail } from '@tidemark/bus';
import { type EnvelopePlace, type Lsn, mintEpoch } from '@tidemark/contracts';
import { judgeContinuity } from './continuity.ts';
import type { RelayOptions } from './relay-options.ts';
import * as statements from './statements.ts';

export interface SessionStart {
  epoch: string;
  isNew: boolean;
  /** The last envelope in the stream. */
  after: EnvelopePlace | undefined;
  /** The stream holds all transactions up to here. */
  skipTo: Lsn;
  /** Everything up to here needs no publishing. */
  settled: Lsn;
  /** The slot's confirmed position. */
  confirmed: Lsn;
  lastSequence: number;
}

/** `dropped` is the reason why the slot was dropped before, if it was. */
export async function findStart(
  { database, bus, slot, observe }: RelayOptions,
  slotCreated: boolean,
  dropped: string | undefined,
): Promise<SessionStart> {
  const { admin } = database.pools;
  const [slotFacts, server, last, { tail, lastSequence }] = await Promise.all([
    statements.findSlot(admin, slot),
    statements.serverFacts(admin),
    statements.lastEpoch(admin),
    readChangesTail(bus),
  ]);
  const confirmed = slotFacts?.confirmedLsn ?? 0n;
  const current = last ?? { epoch: '', systemIdentifier: server.systemIdentifier, timeline: server.timeline };
  const facts = { epoch: current, server, confirmedLsn: confirmed, slotCreated, tail, lastSequence };
  const judged = last ? judgeContinuity(facts) : { kind: 'mint' as const, reason: 'there was no epoch' };
  if (judged.kind === 'continue') {
    const { after, settled } = judged;
    return { epoch: current.epoch, isNew: false, after, skipTo: settled, settled, confirmed, lastSequence };
  }
  const epoch = mintEpoch();
  const reason = dropped ?? judged.reason;
  await statements.insertEpoch(admin, { ...server, epoch }, reason);
  observe({ type: 'relay.epoch_minted', epoch, reason });
  return { epoch, isNew: true, after: undefined, skipTo: 0n, settled: confirmed, confirmed, lastSequence };
}

/** The stream may have been ahead of the confirmed position when the session began. */
export function isStoredBefore({ skipTo, after }: SessionStart, { lsn, ordinal }: EnvelopePlace): boolean {
  if (lsn <= skipTo) return true;
  return after !== undefined && (lsn < after.lsn || (lsn === after.lsn && ordinal <= after.ordinal));
}
