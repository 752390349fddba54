/**
 * A message taken from a JetStream pull consumer, and its answers. The client exports no way to make its own message
 * type from one that was pulled without waiting, so the four answers are sent as the protocol has them:
 * https://docs.nats.io/reference/reference-protocols/nats_api_reference#acking-messages
 */
import type { Msg, NatsConnection } from 'nats';

export interface Delivery {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Done: the message is deleted. */
  ack(): void;
  /** Not done: delivered again, to anyone, after a while. */
  nak(delayMs: number): void;
  /** Still at it: the time until it is delivered again starts anew. */
  working(): void;
  /** Never to be delivered again. */
  term(): void;
}

export function createDelivery(nc: NatsConnection, message: Msg): Delivery {
  const { reply = '', subject, data } = message;
  const answer = (text: string) => {
    // A closed connection cannot be answered on; the message is delivered again, and its row decides.
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
