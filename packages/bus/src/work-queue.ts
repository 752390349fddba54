/** The queue of work: messages by priority. One worker receives a message; it is redelivered until a worker acknowledges it. */
import { AckPolicy } from '@nats-io/jetstream';
import { PRIORITIES, type Priority, workConsumer } from '@tidemark/contracts';
import type { Bus } from './bus.ts';
import { clientOf } from './client.ts';
import { createDelivery, type Delivery } from './delivery.ts';

export interface WorkQueue {
  ensure(): Promise<void>;
  publish(priority: Priority, message: unknown): Promise<void>;
  pull(priority: Priority): Promise<Delivery | undefined>;
  /** Returns the number of unacknowledged messages, delivered ones included. */
  size(): Promise<number>;
  /** Calls `onWork` when any instance publishes work, so that it need not wait for its next poll. */
  watch(onWork: () => void): { stop(): void };
}

/** Time until an unacknowledged message is delivered again; `working()` restarts it. */
export const ACK_WAIT_MS = 10_000;
/** Limit over all instances, as a safeguard: an instance pulls no more messages than it has threads. */
const MAX_ACK_PENDING = 2_000;
/** The server answers at once; no answer within this time means that it is gone. */
const PULL_TIMEOUT_MS = 3_000;

const nanos = (ms: number) => ms * 1_000_000;

export function createWorkQueue(bus: Bus): WorkQueue {
  const stream = bus.subjects.streams.work;
  const { nc, jsm } = clientOf(bus);

  async function ensureConsumer(priority: Priority): Promise<void> {
    const wanted = {
      durable_name: workConsumer(priority),
      filter_subject: bus.subjects.work(priority),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_ACK_PENDING,
      // The attempts in the chunk's row decide when to give up, not those of the message.
      max_deliver: -1,
    };
    try {
      await jsm.consumers.add(stream, wanted);
    } catch {
      // The consumer exists with other settings, from another version. Any other failure makes the update fail as well.
      await jsm.consumers.update(stream, workConsumer(priority), wanted);
    }
  }

  return {
    async ensure() {
      await bus.ensureWorkStream();
      for (const priority of PRIORITIES) await ensureConsumer(priority);
    },
    publish: (priority, message) => bus.store(bus.subjects.work(priority), JSON.stringify(message)),
    async pull(priority) {
      // The client's fetch() waits at least a second, which would delay lower priorities; the protocol's no_wait does not wait.
      const message = await nc.request(
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${workConsumer(priority)}`,
        JSON.stringify({ batch: 1, no_wait: true }),
        // noMux: a pulled message keeps its own subject, by which the shared inbox could not find the request.
        { timeout: PULL_TIMEOUT_MS, noMux: true },
      );
      // A message without a reply subject is a status: 404 no messages, 409 the consumer is full.
      return message.reply ? createDelivery(nc, message) : undefined;
    },
    async size() {
      const { state } = await jsm.streams.info(stream);
      return state.messages;
    },
    watch(onWork) {
      const subscription = nc.subscribe(bus.subjects.allWork, { callback: () => onWork() });
      return { stop: () => subscription.unsubscribe() };
    },
  };
}
