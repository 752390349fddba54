/**
 * Envelopes that the ring no longer has, out of JetStream: for subscribers that resume from an older position.
 */
import { DeliverPolicy } from '@nats-io/jetstream';
import type { Bus } from '@tidemark/bus';
import { CHANGE_HEADERS, furthest, type Lsn, lsnFromHex, parseMessageId, tableKey } from '@tidemark/contracts';
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
  const stream = bus.subjects.streams.changes;
  const room = new WaitingRoom(options);
  const held = new SharedLimit(options.totalBytes, options.sharePercent);

  async function place(sequence: number): Promise<{ epoch: string; lsn: Lsn } | undefined> {
    const message = await bus.jsm.streams.getMessage(stream, { seq: sequence });
    const found = message ? parseMessageId(message.header.get('Nats-Msg-Id')) : undefined;
    return found && { epoch: found.epoch, lsn: furthest(found) };
  }

  /**
   * The first sequence from which everything at or behind `from` follows, by halving: within an epoch, envelopes are in the
   * order of their positions; a heartbeat in the middle of a large transaction names that one.
   */
  async function locate(request: HistoryRequest): Promise<number | undefined> {
    const { state } = await bus.jsm.streams.info(stream);
    let low = state.first_seq;
    let high = Math.min(request.to, state.last_seq) + 1;
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
    const subject = bus.subjects.changes(request.schema, request.table);
    const consumer = await bus.js.consumers.get(stream, {
      filter_subjects: subject,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: start,
      inactive_threshold: IDLE_TIMEOUT_MS * 2,
    });
    const found: ChangeEnvelope[] = [];
    let bytes = 0;
    let isGiven = false;
    const release = () => {
      held.give(request.holder, bytes);
      bytes = 0;
    };
    const give = (): HistoryResult => {
      isGiven = true;
      return { kind: 'found', envelopes: found, release };
    };
    try {
      let pending = (await consumer.info()).num_pending;
      while (pending > 0) {
        const batch = await consumer.fetch({ max_messages: 200, expires: IDLE_TIMEOUT_MS });
        let count = 0;
        for await (const message of batch) {
          count += 1;
          pending = message.info.pending;
          if (message.seq > request.to) return give();
          const epoch = message.headers?.get(CHANGE_HEADERS.epoch) ?? '';
          const lsn = lsnFromHex(message.headers?.get(CHANGE_HEADERS.lsn) || '0');
          if (epoch === request.epoch && lsn >= request.from) {
            if (bytes + message.data.length > options.maxBytes) return gone('too much has changed since the position');
            if (held.take(request.holder, message.data.length)) return gone('too much is being read of older changes');
            bytes += message.data.length;
            found.push(
              new ChangeEnvelope({
                sequence: message.seq,
                epoch,
                lsn,
                xid: Number(message.headers?.get(CHANGE_HEADERS.xid)),
                table: tableKey(request.schema, request.table),
                receivedAt: Date.now(),
                bytes: message.data,
              }),
            );
          }
          if (pending === 0) break;
        }
        if (count === 0) return gone('older changes could not be read in time');
      }
      return give();
    } finally {
      if (!isGiven) release();
      // It ends by itself when the server cannot be reached.
      await consumer.delete().catch(() => false);
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
