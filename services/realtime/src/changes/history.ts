/**
 * Envelopes that the ring no longer has, out of JetStream: for subscribers that resume from an older position.
 */
import { type Bus, changesRange, placeOfChange, readChanges } from '@tidemark/bus';
import { furthest, type Lsn } from '@tidemark/contracts';
import { SharedLimit } from '@tidemark/service';
import { WaitingRoom } from '../limits/waiting-room.ts';
import { ChangeEnvelope } from './envelope.ts';

export interface HistoryRequest {
  schema: string;
  table: string;
  epoch: string;
  /** Envelopes whose transaction ends at or behind this. */
  from: Lsn;
  /** Up to this sequence. */
  to: number;
  /** The key that the reader's shares are counted under. */
  holder: string;
}

/** `release`: once the envelopes are no longer held. */
export type HistoryResult =
  | { kind: 'found'; envelopes: ChangeEnvelope[]; release(): void }
  | { kind: 'gone'; reason: string };

export interface History {
  /** Gone: the stream no longer reaches back so far, or there is more than is worth sending. */
  read(request: HistoryRequest): Promise<HistoryResult>;
  waiting(): number;
  /** Bytes that are held by those who were given them. */
  heldBytes(): number;
}

export interface HistoryOptions {
  bus: Bus;
  /** More than this is cheaper to read anew from the table. */
  maxBytes: number;
  /** Reads at a time, and reads that wait for their turn. */
  concurrency: number;
  maxWaiting: number;
  /** Bytes that all readers may hold, while they are being read and until they were sent on. */
  totalBytes: number;
  sharePercent: number;
}

/** JetStream hands out memory's speed; a minute would mean that it is gone. */
const IDLE_TIMEOUT_MS = 5_000;

const gone = (reason: string): HistoryResult => ({ kind: 'gone', reason });

export function createHistory(options: HistoryOptions): History {
  const { bus } = options;
  const room = new WaitingRoom(options);
  const held = new SharedLimit(options.totalBytes, options.sharePercent);

  async function place(sequence: number): Promise<{ epoch: string; lsn: Lsn } | undefined> {
    const found = await placeOfChange(bus, sequence);
    return found && { epoch: found.epoch, lsn: furthest(found) };
  }

  /**
   * The first sequence from which everything at or behind `from` follows, by halving: within an epoch, envelopes are in the
   * order of their positions; a heartbeat in the middle of a large transaction names that one.
   */
  async function locate(request: HistoryRequest): Promise<number | undefined> {
    const range = await changesRange(bus);
    let low = range.first;
    let high = Math.min(request.to, range.last) + 1;
    const first = await place(low);
    // What the stream begins with must lie before: otherwise something in between may have been removed.
    if (!first || first.epoch > request.epoch) return undefined;
    if (first.epoch === request.epoch && first.lsn >= request.from) return undefined;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const found = await place(middle);
      if (!found) return undefined;
      const before = found.epoch < request.epoch || (found.epoch === request.epoch && found.lsn < request.from);
      if (before) low = middle;
      else high = middle;
    }
    return low;
  }

  async function read(request: HistoryRequest): Promise<HistoryResult> {
    const start = await locate(request);
    if (start === undefined) return gone('the position is too old: the changes since then are no longer kept');
    const found: ChangeEnvelope[] = [];
    let bytes = 0;
    let isGiven = false;
    const release = () => {
      held.give(request.holder, bytes);
      bytes = 0;
    };
    try {
      const subject = bus.subjects.changes(request.schema, request.table);
      for await (const message of readChanges(bus, { subject, from: start, timeoutMs: IDLE_TIMEOUT_MS })) {
        if (message.sequence > request.to) break;
        if (message.epoch !== request.epoch || message.lsn < request.from) continue;
        const size = message.bytes.length;
        if (bytes + size > options.maxBytes) return gone('too much has changed since the position');
        if (held.take(request.holder, size)) return gone('too much is being read of older changes');
        bytes += size;
        found.push(new ChangeEnvelope(message));
      }
      isGiven = true;
      return { kind: 'found', envelopes: found, release };
    } catch (error) {
      if ((error as { code?: unknown }).code === 'BUS_NO_ANSWER')
        return gone('older changes could not be read in time');
      throw error;
    } finally {
      if (!isGiven) release();
    }
  }

  return {
    async read(request) {
      const refusal = room.refuses(request.holder);
      if (refusal) return gone('too many others are reading older changes');
      return room.run(request.holder, () => read(request));
    },
    waiting: () => room.waiting,
    heldBytes: () => held.used,
  };
}
