/**
 * JetStream → this instance: ONE consumer of the whole stream, whose messages have consecutive sequences. Keeps the ring,
 * and tells the topics of each envelope, of gaps and of new epochs.
 *
 * The consumer is pulled and ordered; the library makes it anew when its server forgot it. Whatever it does not notice is
 * noticed here: the relay's heartbeat comes each half second, so silence means that something is wrong, and the consumer is
 * replaced by one that starts behind the last message that came.
 */
import { type ConsumerMessages, DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from '@nats-io/jetstream';
import type { Bus } from '@tidemark/bus';
import { CHANGE_HEADERS, type DefinitionsChanged, type Lsn, lsnFromHex } from '@tidemark/contracts';
import { every } from '@tidemark/service';
import { errors } from '../errors.ts';
import type { RealtimeEvent } from '../events.ts';
import { furthest, parseMessageId } from '../message-id.ts';
import { ChangeEnvelope, tableKeyOfSubject } from './envelope.ts';
import { Ring, type RingLimits } from './ring.ts';

export interface FeedOptions {
  bus: Bus;
  ring: RingLimits;
  /** How far back a new instance fills its ring, ms. */
  lookbackMs: number;
  observe: (event: RealtimeEvent) => void;
}

export interface FeedReaders {
  onEnvelope(envelope: ChangeEnvelope): void;
  /** Envelopes may have been missed: whoever follows anything must start afresh. */
  onBreak(reason: string): void;
  /** Before the envelopes of the transaction that changed them, wherever Postgres announces that; maybe again. */
  onDefinitions?(changed: DefinitionsChanged): void;
}

export interface Feed {
  readonly ring: Ring;
  start(readers: FeedReaders): void;
  stop(): Promise<void>;
  epoch(): string | undefined;
  /** Sequence of the last message seen. */
  sequence(): number;
  /** Everything published up to here has been seen. */
  lsn(): Lsn;
  /** Resolves true once everything up to `lsn` has been seen; false after `timeoutMs`. */
  reached(lsn: Lsn, timeoutMs: number): Promise<boolean>;
  /** Undefined while messages come, else why not. */
  problem(): string | undefined;
}

/** Six missed heartbeats. */
const STALL_MS = 3_000;
const RETRY_MS = 500;
/** Messages asked for ahead: at 1 KB each, half a megabyte in the client's buffer. */
const PULL_MESSAGES = 500;

export function createFeed(options: FeedOptions): Feed {
  const { bus, observe } = options;
  const ring = new Ring(options.ring);
  let readers: FeedReaders | undefined;
  let epoch: string | undefined;
  let sequence = 0;
  let lsn: Lsn = 0n;
  let heardAt = 0;
  let heard = false;
  let stopping = false;
  let messages: ConsumerMessages | undefined;
  let loop: Promise<void> | undefined;
  let wake: (() => void) | undefined;
  const waiting = new Set<{ lsn: Lsn; done: (reached: boolean) => void }>();
  /** None of them waits for less. */
  let due: Lsn | undefined;

  function take(message: JsMsg): void {
    heardAt = Date.now();
    const at = message.seq;
    if (at <= sequence) return;
    const { id, messageEpoch, messageLsn, xid } = headersOf(message);
    const isOfDefinitions = message.subject === bus.subjects.definitions;
    // Both tell that everything up to their position has come.
    const isHeartbeat = isOfDefinitions || message.subject === bus.subjects.heartbeat;
    const missed = sequence > 0 && at !== sequence + 1;
    if (missed) observe({ type: 'changes.gap', expected: sequence + 1, got: at });
    if (epoch !== messageEpoch) observe({ type: 'changes.epoch', from: epoch ?? null, to: messageEpoch });
    if (!heard || missed || epoch !== messageEpoch) {
      const isBreak = heard;
      const reason = missed ? 'changes were missed' : 'the history was broken (new epoch)';
      heard = true;
      epoch = messageEpoch;
      // Of the transaction that this message belongs to, earlier parts may be missing.
      const place = parseMessageId(id);
      ring.reset(at, place ? furthest(place) : messageLsn);
      lsn = 0n;
      sequence = at;
      if (isBreak) readers?.onBreak(reason);
      if (isHeartbeat) settle(messageLsn);
      if (isOfDefinitions) tellDefinitions(message);
      else if (isBreak && !isHeartbeat) deliver(message, messageLsn, xid);
      return;
    }
    sequence = at;
    if (isHeartbeat) {
      settle(messageLsn);
      ring.evict();
      if (isOfDefinitions) tellDefinitions(message);
    } else deliver(message, messageLsn, xid);
  }

  function tellDefinitions(message: JsMsg): void {
    try {
      readers?.onDefinitions?.(message.json<DefinitionsChanged>());
    } catch (error) {
      const { subject, seq } = message;
      observe({ type: 'changes.unreadable', subject, sequence: seq, error: error as Error });
      readers?.onBreak('changed definitions could not be read');
    }
  }

  function deliver(message: JsMsg, at: Lsn, xid: number): void {
    const envelope = new ChangeEnvelope({
      sequence: message.seq,
      epoch: epoch as string,
      lsn: at,
      xid,
      table: tableKeyOfSubject(message.subject),
      receivedAt: Date.now(),
      bytes: message.data,
    });
    ring.push(envelope);
    readers?.onEnvelope(envelope);
    // A transaction may have more envelopes, so only what ends before it is certain.
    settle(at - 1n);
  }

  function settle(to: Lsn): void {
    if (to <= lsn) return;
    lsn = to;
    if (due === undefined || to < due) return;
    due = undefined;
    for (const waiter of waiting) {
      if (waiter.lsn <= to) waiter.done(true);
      else if (due === undefined || waiter.lsn < due) due = waiter.lsn;
    }
  }

  async function follow(): Promise<void> {
    while (!stopping) {
      try {
        await consume();
      } catch (error) {
        if (!stopping) observe({ type: 'changes.failed', error: error as Error });
      }
      if (!stopping) await pause(RETRY_MS);
    }
  }

  /** A stream that ends before what we have seen is not the one we followed. */
  async function checkStream(): Promise<void> {
    const { state } = await bus.jsm.streams.info(bus.subjects.streams.changes);
    if (state.last_seq >= sequence) return;
    observe({ type: 'changes.gap', expected: sequence + 1, got: state.last_seq });
    sequence = 0;
    heard = false;
    ring.clear();
    readers?.onBreak('the stream of changes was replaced');
  }

  async function consume(): Promise<void> {
    await checkStream();
    const consumer = await bus.js.consumers.get(bus.subjects.streams.changes, startAt());
    if (stopping) return;
    // With a callback, not iterated: a message then costs no turn through promises. `take` never waits.
    const current = await consumer.consume({ max_messages: PULL_MESSAGES, callback: take });
    messages = current;
    observe({ type: 'changes.following', sequence });
    const startedAt = Date.now();
    const stopStalled = () => {
      const silentMs = Date.now() - Math.max(heardAt, startedAt);
      // Without a connection there is nothing to replace yet.
      if (silentMs > STALL_MS && bus.connected()) current.stop(errors.CONSUMER_STALLED({ ms: silentMs }));
    };
    const watch = every('watch over changes', STALL_MS / 6, stopStalled, observe);
    try {
      const error = await current.closed();
      if (error) throw error;
    } finally {
      watch.stop();
      messages = undefined;
      // Otherwise the server keeps it for five minutes; where it is out of reach, it does just that.
      await consumer.delete().catch((error: Error) => observe({ type: 'changes.failed', error }));
    }
  }

  /** Behind the last message; at first, a while back, so that the ring can serve from the start. */
  function startAt(): Partial<OrderedConsumerOptions> {
    if (sequence > 0) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence + 1 };
    const since = new Date(Date.now() - options.lookbackMs).toISOString();
    return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since };
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  return {
    ring,
    start(given) {
      readers = given;
      loop = follow();
    },
    async stop() {
      stopping = true;
      wake?.();
      messages?.stop();
      for (const waiter of waiting) waiter.done(false);
      await loop;
    },
    epoch: () => epoch,
    sequence: () => sequence,
    lsn: () => lsn,
    reached(target, timeoutMs) {
      if (lsn >= target) return Promise.resolve(true);
      return new Promise((resolve) => {
        const waiter = {
          lsn: target,
          done(reached: boolean) {
            clearTimeout(timer);
            waiting.delete(waiter);
            resolve(reached);
          },
        };
        const timer = setTimeout(waiter.done, timeoutMs, false);
        waiting.add(waiter);
        if (due === undefined || target < due) due = target;
      });
    },
    problem() {
      if (!heard) return 'no heartbeat of the relay has come yet';
      const silentMs = Date.now() - heardAt;
      return silentMs > STALL_MS ? `nothing has come from the relay for ${silentMs} ms` : undefined;
    },
  };
}

/** Looked through once: `get` lists all names each time. */
function headersOf({ headers }: JsMsg) {
  const found = { id: '', messageEpoch: '', messageLsn: 0n, xid: Number.NaN };
  if (!headers) return found;
  for (const [name, [value = '']] of headers) {
    if (name === CHANGE_HEADERS.epoch) found.messageEpoch = value;
    else if (name === CHANGE_HEADERS.lsn) found.messageLsn = lsnFromHex(value || '0');
    else if (name === CHANGE_HEADERS.xid) found.xid = Number(value);
    else if (name === 'Nats-Msg-Id') found.id = value;
  }
  return found;
}
