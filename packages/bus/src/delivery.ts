/**
 * The client cannot build its message type from a message pulled with no_wait, so the replies are sent as defined
 * here: https://docs.nats.io/reference/reference-protocols/nats_api_reference#acking-messages
 */
import type { Msg, NatsConnection } from 'nats';

export interface Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  ack(): void;
  /** The work is not done: the server delivers the message again after `delayMs`, to any worker. */
  nak(delayMs: number): void;
  /** The work continues: the server restarts the time until redelivery. */
  working(): void;
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
