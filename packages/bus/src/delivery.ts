/**
 * A message from a JetStream pull consumer, with its four replies. The client cannot build its own message type from a message
 * that was pulled with no_wait, so the replies are sent as the protocol defines them:
 * https://docs.nats.io/reference/reference-protocols/nats_api_reference#acking-messages
 */
import type { Msg, NatsConnection } from 'nats';

export interface Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  /** The work is done: the server deletes the message. */
  ack(): void;
  /** The work is not done: the server delivers the message again after `delayMs`, to any worker. */
  nak(delayMs: number): void;
  /** The work continues: the server restarts the time until redelivery. */
  working(): void;
  /** The server never delivers the message again. */
  term(): void;
}

export function createDelivery(nc: NatsConnection, message: Msg): Delivery {
  const { reply = '', subject, data } = message;
  const answer = (text: string) => {
    // On a closed connection the reply is lost: the message is delivered again, and its row decides what happens.
    if (!nc.isClosed()) nc.publish(reply, text);
  };
  return {
    subject,
    data,
    ack: () => answer('+ACK'),
    nak: (delayMs) => answer(`-NAK ${JSON.stringify({ delay: delayMs * 1_000_000 })}`),
    working: () => answer('+WPI'),
    term: () => answer('+TERM'),
  };
}
