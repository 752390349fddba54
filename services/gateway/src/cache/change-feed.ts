/**
 * The stream of changes, read by headers alone: one ephemeral consumer of all of it, whose messages have consecutive
 * sequences. Says which table changed at which position, how far everything is known, and when something was missed.
 */
import { type ConsumerMessages, DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from '@nats-io/jetstream';
import type { Bus } from '@tidemark/bus';
import { CHANGE_HEADERS, fromSubjectToken, type Lsn, lsnFromHex } from '@tidemark/contracts';
import { every } from '@tidemark/service';

export interface ChangeReaders {
  onChange(epoch: string, table: string, lsn: Lsn): void;
  /** `before`: the end of the last transaction of which something was published before this heartbeat. */
  onHeartbeat(epoch: string, lsn: Lsn, before: Lsn): void;
  /** Changes may have been missed. */
  onLost(reason: string): void;
  onError(error: Error): void;
}

export interface ChangeFeed {
  stop(): Promise<void>;
}

/** A consumer that is silent for six heartbeats is made anew: its server may have forgotten it. */
const STALL_MS = 3_000;
const RETRY_MS = 500;
/** Messages asked for ahead: at 1 KB each, half a megabyte in the client's buffer. */
const PULL_MESSAGES = 500;

/** No schema or table name holds a zero character. */
export const tableKey = (schema: string, table: string): string => `${schema}\0${table}`;

/** `<epoch>-<lsn>-h<sequence>[-<lsn>-<ordinal>]`, the last envelope before it (services/realtime/src/message-id.ts). */
const HEARTBEAT_ID = /^[0-9a-z]+-[0-9A-F]{16}-h\d+(?:-([0-9A-F]{16})-\d+)?$/;

export function followChanges(bus: Bus, readers: ChangeReaders): ChangeFeed {
  let sequence = 0;
  let heardAt = 0;
  let stopping = false;
  let messages: ConsumerMessages | undefined;
  let wake: (() => void) | undefined;
  let lastProblem = '';

  function take(message: JsMsg): void {
    heardAt = Date.now();
    const at = message.seq;
    if (at <= sequence) return;
    if (sequence > 0 && at !== sequence + 1) readers.onLost('changes were missed');
    sequence = at;
    const { headers, subject } = message;
    const epoch = headers?.get(CHANGE_HEADERS.epoch) ?? '';
    const lsn = lsnFromHex(headers?.get(CHANGE_HEADERS.lsn) || '0');
    // The cache reads the schema by itself, after each heartbeat.
    if (subject === bus.subjects.definitions) return;
    if (subject !== bus.subjects.heartbeat) {
      const tokens = subject.split('.');
      readers.onChange(epoch, tableKey(nameOf(tokens.at(-2)), nameOf(tokens.at(-1))), lsn);
      return;
    }
    const id = HEARTBEAT_ID.exec(headers?.get('Nats-Msg-Id') ?? '');
    if (id) readers.onHeartbeat(epoch, lsn, id[1] ? lsnFromHex(id[1]) : 0n);
    else readers.onLost('a heartbeat could not be read');
  }

  /** A stream that ends before what was seen is not the one that was followed. */
  async function checkStream(): Promise<void> {
    const { state } = await bus.jsm.streams.info(bus.subjects.streams.changes);
    if (sequence === 0 || state.last_seq >= sequence) return;
    sequence = 0;
    readers.onLost('the stream of changes was replaced');
  }

  async function consume(): Promise<void> {
    await checkStream();
    const consumer = await bus.js.consumers.get(bus.subjects.streams.changes, startAfter(sequence));
    if (stopping) return;
    const current = await consumer.consume({ max_messages: PULL_MESSAGES });
    messages = current;
    lastProblem = '';
    const startedAt = Date.now();
    const stopStalled = () => {
      // Without a connection there is nothing to replace yet.
      if (Date.now() - Math.max(heardAt, startedAt) > STALL_MS && bus.connected()) current.stop();
    };
    const watch = every('watch over changes', STALL_MS / 6, stopStalled, ({ error }) => report(error));
    try {
      if (stopping) current.stop();
      for await (const message of current) take(message);
    } finally {
      watch.stop();
      messages = undefined;
      // Otherwise the server keeps it for five minutes; where it is out of reach, it does just that.
      await consumer.delete().catch(report);
    }
  }

  function report(error: Error): void {
    // The same each half second while there is no stream: said once.
    if (stopping || error.message === lastProblem) return;
    lastProblem = error.message;
    readers.onError(error);
  }

  async function follow(): Promise<void> {
    while (!stopping) {
      await consume().catch(report);
      if (!stopping) await pause();
    }
  }

  function pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  const loop = follow();
  return {
    async stop() {
      stopping = true;
      wake?.();
      messages?.stop();
      await loop;
    },
  };
}

const nameOf = (token: string | undefined): string => fromSubjectToken(token ?? '');

function startAfter(sequence: number): Partial<OrderedConsumerOptions> {
  if (sequence === 0) return { deliver_policy: DeliverPolicy.New };
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence + 1 };
}
