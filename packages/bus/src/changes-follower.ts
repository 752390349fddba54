/**
 * Follows the stream of changes with one ephemeral, ordered consumer.
 *
 *   connecting ──consumer──► following ──stalled; consumer or stream gone──► connecting, behind the last message
 *
 * The reader receives each message once, in the stream's order, and a break before the first message that follows it.
 */
import { type ConsumerMessages, DeliverPolicy, type JsMsg, type OrderedConsumerOptions } from '@nats-io/jetstream';
import type { Bus } from './bus.ts';
import { type ChangeMessage, changeMessage } from './change-message.ts';
import { clientOf } from './client.ts';
import { errors } from './errors.ts';
import { isMissingConsumer, isMissingStream } from './streams.ts';

/** A callback is synchronous, for speed; its exception counts as a break, because the reader lost that change. */
export interface ChangeReader {
  onEnvelope(message: ChangeMessage): void;
  /** Everything up to the message's position has arrived. */
  onHeartbeat?(message: ChangeMessage): void;
  /** Like a heartbeat, with DefinitionsChanged as its JSON text. */
  onDefinitions?(message: ChangeMessage): void;
  /** The reader may have missed changes: the stream has a gap, was replaced, or belongs to another epoch. */
  onBreak?(reason: string): void;
}

export interface FollowOptions {
  after?: number;
  /** Without `after`: start with the messages of the last `lookbackMs`. Absent: start with the next message. */
  lookbackMs?: number;
  /** Follow this subject alone. The follower then notices neither gaps nor a silent relay. */
  subject?: string;
}

export interface ChangesFollower {
  epoch(): string | undefined;
  sequence(): number;
  problem(): string | undefined;
  /** No callback runs after this. Resolves once the server has deleted the consumer, or at once without a connection. */
  stop(): Promise<void>;
}

/** Six heartbeats of the relay. After this silence the consumer is replaced, since its server may have lost it. */
const STALL_MS = 3_000;
const RETRY_MS = 500;
/** Messages requested ahead: at 1 KB each, half a megabyte in the client's buffer. */
const PULL_MESSAGES = 500;

export function followChanges(bus: Bus, reader: ChangeReader, options: FollowOptions = {}): ChangesFollower {
  const { subjects } = bus;
  const { js, jsm, observe } = clientOf(bus);
  const stream = subjects.streams.changes;
  let sequence = options.after ?? 0;
  let epoch: string | undefined;
  let heardAt = 0;
  let reported = '';
  let stopping = false;
  let messages: ConsumerMessages | undefined;
  let wake: (() => void) | undefined;

  function take(message: JsMsg): void {
    const at = message.seq;
    if (stopping || at <= sequence) return;
    const expected = sequence + 1;
    sequence = at;
    try {
      const change = changeMessage(message);
      heardAt = change.receivedAt;
      reported = '';
      const isMissing = expected > 1 && at !== expected && options.subject === undefined;
      const from = epoch;
      epoch = change.epoch;
      if (isMissing) observe({ type: 'changes.gap', expected, got: at });
      if (epoch !== from) observe({ type: 'changes.epoch', from: from ?? null, to: epoch });
      if (isMissing) reader.onBreak?.('changes were missed');
      else if (from !== undefined && epoch !== from) reader.onBreak?.('the history was broken (new epoch)');
      if (message.subject === subjects.heartbeat) reader.onHeartbeat?.(change);
      else if (message.subject === subjects.definitions) reader.onDefinitions?.(change);
      else reader.onEnvelope(change);
    } catch (error) {
      observe({ type: 'changes.failed', error: error as Error });
      reader.onBreak?.('a change could not be read');
    }
  }

  /** A stream that ends before the last message is a new stream under the same name. */
  async function checkStream(): Promise<void> {
    const { state } = await jsm.streams.info(stream);
    if (stopping || state.last_seq >= sequence) return;
    observe({ type: 'changes.gap', expected: sequence + 1, got: state.last_seq });
    sequence = 0;
    epoch = undefined;
    heardAt = 0;
    reader.onBreak?.('the stream of changes was replaced');
  }

  async function consume(): Promise<void> {
    await checkStream();
    const consumer = await js.consumers.get(stream, {
      ...startAt(sequence, options),
      ...(options.subject !== undefined && { filter_subjects: options.subject }),
    });
    let watch: NodeJS.Timeout | undefined;
    try {
      if (stopping) return;
      const current = await consumer.consume({
        max_messages: PULL_MESSAGES,
        callback: take,
        // A deleted consumer or stream ends this loop; the next one checks whether the stream was replaced.
        abort_on_missing_resource: true,
      });
      messages = current;
      observe({ type: 'changes.following', sequence });
      if (options.subject === undefined) watch = stopStalled(current);
      const error = await current.closed();
      if (error) throw error;
    } finally {
      clearInterval(watch);
      messages = undefined;
      // Without a connection the server deletes the consumer by itself after five minutes.
      if (bus.connected()) await consumer.delete().catch(report);
    }
  }

  function stopStalled(current: ConsumerMessages): NodeJS.Timeout {
    const startedAt = Date.now();
    return setInterval(() => {
      // Without a connection the consumer cannot be replaced yet.
      if (Date.now() - Math.max(heardAt, startedAt) <= STALL_MS || !bus.connected()) return;
      current.stop(errors.CONSUMER_STALLED({ ms: STALL_MS }));
    }, STALL_MS / 6);
  }

  /** Reports a failure once until messages arrive again. A stream not created yet and a deleted consumer are no failures. */
  function report(error: Error): void {
    if (stopping || isMissingStream(error) || isMissingConsumer(error) || error.message === reported) return;
    reported = error.message;
    observe({ type: 'changes.failed', error });
  }

  async function follow(): Promise<void> {
    while (!stopping) {
      await consume().catch(report);
      if (stopping) return;
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, RETRY_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  const following = follow();
  return {
    epoch: () => epoch,
    sequence: () => sequence,
    problem() {
      if (heardAt === 0) return 'no heartbeat of the relay has arrived yet';
      const silentMs = Date.now() - heardAt;
      return silentMs > STALL_MS ? `nothing has arrived from the relay for ${silentMs} ms` : undefined;
    },
    async stop() {
      stopping = true;
      wake?.();
      messages?.stop();
      // Without a connection, a request in flight ends only with its time limit.
      if (bus.connected()) await following;
    },
  };
}

function startAt(sequence: number, { lookbackMs }: FollowOptions): Partial<OrderedConsumerOptions> {
  if (sequence > 0) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: sequence + 1 };
  if (lookbackMs === undefined) return { deliver_policy: DeliverPolicy.New };
  const since = new Date(Date.now() - lookbackMs).toISOString();
  return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since };
}
