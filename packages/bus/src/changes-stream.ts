/** The stored stream of changes: its ends, the place of a message, and what was published about a subject since. */
import { DeliverPolicy } from '@nats-io/jetstream';
import { CHANGE_HEADERS, type MessagePlace, parseMessageId } from '@tidemark/contracts';
import type { Bus } from './bus.ts';
import { type ChangeMessage, changeMessage } from './change-message.ts';
import { errors } from './errors.ts';

const READ_MESSAGES = 200;

export interface ReadChangesOptions {
  subject: string;
  /** The first sequence that is looked at. */
  from: number;
  /** Most time to wait for the next messages, ms. */
  timeoutMs: number;
}

/** Sequences of the first and the last message; of an empty stream, `first` is above `last`. */
export async function changesRange(bus: Bus): Promise<{ first: number; last: number }> {
  const { state } = await bus.jsm.streams.info(bus.subjects.streams.changes);
  return { first: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last: state.last_seq };
}

/** Undefined where the message is gone, or is not the relay's. */
export async function placeOfChange(bus: Bus, sequence: number): Promise<MessagePlace | undefined> {
  const message = await bus.jsm.streams.getMessage(bus.subjects.streams.changes, { seq: sequence });
  return message ? parseMessageId(message.header.get(CHANGE_HEADERS.id)) : undefined;
}

/** The last message of the stream, and the last sequence it gave out. */
export async function readChangesTail(bus: Bus): Promise<{ tail: MessagePlace | undefined; lastSequence: number }> {
  const { first, last } = await changesRange(bus);
  return { tail: first > last ? undefined : await placeOfChange(bus, last), lastSequence: last };
}

/** Yields what is in the stream now, and ends. @throws BUS_NO_ANSWER */
export async function* readChanges(bus: Bus, options: ReadChangesOptions): AsyncGenerator<ChangeMessage, void> {
  const { subject, from, timeoutMs } = options;
  const consumer = await bus.js.consumers.get(bus.subjects.streams.changes, {
    filter_subjects: subject,
    deliver_policy: DeliverPolicy.StartSequence,
    opt_start_seq: from,
    inactive_threshold: timeoutMs * 2,
  });
  try {
    let pending = (await consumer.info()).num_pending;
    while (pending > 0) {
      let isSilent = true;
      for await (const message of await consumer.fetch({ max_messages: READ_MESSAGES, expires: timeoutMs })) {
        isSilent = false;
        pending = message.info.pending;
        yield changeMessage(message);
        if (pending === 0) return;
      }
      if (isSilent) throw errors.NO_ANSWER({ subject, ms: timeoutMs });
    }
  } finally {
    // It ends by itself when the server cannot be reached.
    await consumer.delete().catch(() => false);
  }
}
