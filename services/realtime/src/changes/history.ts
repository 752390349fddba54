/**
 * Envelopes that the ring no longer has, out of JetStream: for subscribers that resume from an older position.
 */
import { DeliverPolicy } from '@nats-io/jetstream';
import type { Bus } from '@tidemark/bus';
import { CHANGE_HEADERS, type Lsn, lsnFromHex } from '@tidemark/contracts';
import { furthest, parseMessageId } from '../message-id.ts';
import { ChangeEnvelope, tableKey } from './envelope.ts';

export interface HistoryRequest {
  schema: string;
  table: string;
  epoch: string;
  /** Envelopes whose transaction ends at or behind this. */
  from: Lsn;
  /** Up to this sequence. */
  to: number;
}

export type HistoryResult = { kind: 'found'; envelopes: ChangeEnvelope[] } | { kind: 'gone'; reason: string };

export interface History {
  /** Gone: the stream no longer reaches back so far, or there is more than is worth sending. */
  read(request: HistoryRequest): Promise<HistoryResult>;
  waiting(): number;
}

export interface HistoryOptions {
  bus: Bus;
  /** More than this is cheaper to read anew from the table. */
  maxBytes: number;
  /** Reads at a time, and reads that wait for their turn. */
  concurrency: number;
  maxWaiting: number;
}

/** JetStream hands out memory's speed; a minute would mean that it is gone. */
const IDLE_TIMEOUT_MS = 5_000;

const gone = (reason: string): HistoryResult => ({ kind: 'gone', reason });

export function createHistory(options: HistoryOptions): History {
  const { bus } = options;
  const stream = bus.subjects.streams.changes;
  let running = 0;
  const queue: (() => void)[] = [];

  async function turn(work: () => Promise<HistoryResult>): Promise<HistoryResult> {
    if (running >= options.concurrency) {
      if (queue.length >= options.maxWaiting) return gone('too many others are reading older changes');
      await new Promise<void>((resolve) => queue.push(resolve));
    }
    running += 1;
    try {
      return await work();
    } finally {
      running -= 1;
      queue.shift()?.();
    }
  }

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
    try {
      let pending = (await consumer.info()).num_pending;
      while (pending > 0) {
        const batch = await consumer.fetch({ max_messages: 200, expires: IDLE_TIMEOUT_MS });
        let count = 0;
        for await (const message of batch) {
          count += 1;
          pending = message.info.pending;
          if (message.seq > request.to) return { kind: 'found', envelopes: found };
          const epoch = message.headers?.get(CHANGE_HEADERS.epoch) ?? '';
          const lsn = lsnFromHex(message.headers?.get(CHANGE_HEADERS.lsn) || '0');
          if (epoch === request.epoch && lsn >= request.from) {
            bytes += message.data.length;
            if (bytes > options.maxBytes) return gone('too much has changed since the position');
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
      return { kind: 'found', envelopes: found };
    } finally {
      // It ends by itself when the server cannot be reached.
      await consumer.delete().catch(() => false);
    }
  }

  return { read: (request) => turn(() => read(request)), waiting: () => queue.length };
}
