import { DeliverPolicy } from '@nats-io/jetstream';
import { CHANGE_HEADERS, type MessagePlace, parseMessageId } from '@tidemark/contracts';
import type { Bus } from './bus.ts';
import { type ChangeMessage, changeMessage } from './change-message.ts';
import { clientOf } from './client.ts';
import { errors } from './errors.ts';

const READ_MESSAGES = 200;

export interface ReadChangesOptions {
  subject: string;
  from: number;
  timeoutMs: number;
}

/** Returns the sequences of the first and the last message. In an empty stream `first` is above `last`. */
export async function changesRange(bus: Bus): Promise<{ first: number; last: number }> {
  const { state } = await clientOf(bus).jsm.streams.info(bus.subjects.streams.changes);
  return { first: state.messages === 0 ? state.last_seq + 1 : state.first_seq, last: state.last_seq };
}

/** Returns undefined where the message was deleted or does not come from the relay. */
export async function placeOfChange(bus: Bus, sequence: number): Promise<MessagePlace | undefined> {
  const message = await clientOf(bus).jsm.streams.getMessage(bus.subjects.streams.changes, { seq: sequence });
  return message ? parseMessageId(message.header.get(CHANGE_HEADERS.id)) : undefined;
}

export async function readChangesTail(bus: Bus): Promise<{ tail: MessagePlace | undefined; lastSequence: number }> {
  const { first, last } = await changesRange(bus);
  return { tail: first > last ? undefined : await placeOfChange(bus, last), lastSequence: last };
}

/** Yields the messages that the stream holds now, and ends. */
export async function* readChanges(bus: Bus, options: ReadChangesOptions): AsyncGenerator<ChangeMessage, void> {
  const { subject, from, timeoutMs } = options;
  const consumer = await clientOf(bus).js.consumers.get(bus.subjects.streams.changes, {
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
    // A failure is harmless: `inactive_threshold` makes the server delete the consumer.
    await consumer.delete().catch((error: Error) => clientOf(bus).observe({ type: 'bus.error', error }));
  }
}
