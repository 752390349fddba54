/** The queue of work: messages by priority, each taken by one worker, and delivered again until that one is done with it. */
import { AckPolicy } from '@nats-io/jetstream';
import { PRIORITIES, type Priority, workConsumer } from '@tidemark/contracts';
import type { Bus } from './bus.ts';
import { createDelivery, type Delivery } from './delivery.ts';

export interface WorkQueue {
  /** Makes the stream and its consumers, or brings their settings up to date. */
  ensure(): Promise<void>;
  /** Resolves once the message is stored. */
  publish(priority: Priority, message: unknown): Promise<void>;
  /** The next message of a priority, or undefined when there is none now. Never waits for one. */
  pull(priority: Priority): Promise<Delivery | undefined>;
  /** When the oldest message of a priority that is not acknowledged was published; undefined when there is none. */
  oldest(priority: Priority): Promise<Date | undefined>;
  /** `onWork` is called when anybody publishes work: no need to wait for the next look. */
  watch(onWork: () => void): { stop(): void };
}

/** A message not acknowledged for so long is delivered again, unless its worker says `working()` meanwhile. */
export const ACK_WAIT_MS = 30_000;
/** Over all instances; each takes no more than it has threads for, so this is only a backstop. */
const MAX_ACK_PENDING = 2_000;
/** The server answers at once; longer means that it is gone. */
const PULL_TIMEOUT_MS = 3_000;

const nanos = (ms: number) => ms * 1_000_000;

export function createWorkQueue(bus: Bus): WorkQueue {
  const stream = bus.subjects.streams.work;

  async function ensureConsumer(priority: Priority): Promise<void> {
    const wanted = {
      durable_name: workConsumer(priority),
      filter_subject: bus.subjects.work(priority),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_ack_pending: MAX_ACK_PENDING,
      // The row's attempts decide when to give up, not the message's.
      max_deliver: -1,
    };
    try {
      await bus.jsm.consumers.add(stream, wanted);
    } catch {
      // It is there, from another version with other settings.
      await bus.jsm.consumers.update(stream, workConsumer(priority), wanted);
    }
  }

  return {
    async ensure() {
      await bus.ensureWorkStream();
      for (const priority of PRIORITIES) await ensureConsumer(priority);
    },
    publish: (priority, message) => bus.store(bus.subjects.work(priority), JSON.stringify(message)),
    async pull(priority) {
      // The client's fetch() always waits, at least a second, which priorities cannot afford; the protocol has no_wait.
      const message = await bus.nc.request(
        `$JS.API.CONSUMER.MSG.NEXT.${stream}.${workConsumer(priority)}`,
        JSON.stringify({ batch: 1, no_wait: true }),
        // Not the shared inbox: a pulled message keeps its own subject, by which that could not tell whose it is.
        { timeout: PULL_TIMEOUT_MS, noMux: true },
      );
      // Without a reply subject it is a status: 404 no messages, 409 the consumer is full.
      return message.reply ? createDelivery(bus.nc, message) : undefined;
    },
    async oldest(priority) {
      const message = await bus.jsm.direct.getMessage(stream, { seq: 1, next_by_subj: bus.subjects.work(priority) });
      return message ? message.time : undefined;
    },
    watch(onWork) {
      const subscription = bus.nc.subscribe(bus.subjects.allWork, { callback: () => onWork() });
      return { stop: () => subscription.unsubscribe() };
    },
  };
}
