/** Reads envelopes that the ring no longer holds from JetStream, for subscribers that resume from an older position. */
import { type Bus, changesRange, placeOfChange, readChanges } from '@tidemark/bus';
import { furthest, type Lsn } from '@tidemark/contracts';
import { SharedLimit } from '@tidemark/service';
import { WaitingRoom } from '../limits/waiting-room.ts';
import { ChangeEnvelope } from './envelope.ts';

export interface HistoryRequest {
  schema: string;
  table: string;
  epoch: string;
  from: Lsn;
  to: number;
  /** The identity or address whose share is charged. */
  holder: string;
}

/** The caller calls `release` when it no longer needs the envelopes. */
export type HistoryResult =
  | { kind: 'found'; envelopes: ChangeEnvelope[]; release(): void }
  | { kind: 'gone'; reason: string };

export interface History {
  /** Returns `gone` where the stream does not reach back so far, or a limit is exceeded. */
  read(request: HistoryRequest): Promise<HistoryResult>;
  waiting(): number;
  heldBytes(): number;
}

export interface HistoryOptions {
  bus: Bus;
  /** Limit for one read. A snapshot is cheaper than more changes. */
  maxBytes: number;
  concurrency: number;
  maxWaiting: number;
  /** Limit of the bytes of all reads that are not released yet. */
  totalBytes: number;
  sharePercent: number;
}

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

  /** Finds by binary search where `from` begins: within an epoch, envelopes are in the order of their positions. */
  async function locate(request: HistoryRequest): Promise<number | undefined> {
    const range = await changesRange(bus);
    let low = range.first;
    let high = Math.min(request.to, range.last) + 1;
    const first = await place(low);
    // If the stream does not begin before `from`, changes in between may have been removed.
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
    if (start === undefined) return gone('the position is too old: the changes since then are no longer stored');
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
        if (held.take(request.holder, size)) return gone('too much of the older changes is being read');
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
