import type { Msg, NatsConnection } from 'nats';
import type { SubscribeOptions, Subscription } from './bus.ts';
import { violationIn } from './connection-problems.ts';
import type { BusEvent } from './events.ts';
import { mismatchOf } from './mismatch.ts';

export function subscribe<T>(
  nc: NatsConnection,
  subject: string,
  handler: (payload: T, subject: string) => void,
  options: SubscribeOptions,
  observe: (event: BusEvent) => void,
): Subscription {
  const { schema, check, maxBytes = Number.POSITIVE_INFINITY, queue } = options;
  const mismatch = schema && mismatchOf(schema);

  function parse(message: Msg): { payload: unknown } | { problem: string } {
    if (message.data.length > maxBytes) return { problem: `${message.data.length} bytes; the limit is ${maxBytes}` };
    let payload: unknown;
    try {
      payload = message.json();
    } catch {
      return { problem: 'not JSON' };
    }
    const problem = mismatch?.(payload) ?? check?.(payload as never, message.subject);
    return problem === undefined ? { payload } : { problem };
  }

  return nc.subscribe(subject, {
    ...(queue && { queue }),
    callback: (error, message) => {
      if (error) {
        if (!violationIn(error)) observe({ type: 'bus.error', error });
        return;
      }
      const parsed = parse(message);
      if ('payload' in parsed) handler(parsed.payload as T, message.subject);
      else observe({ type: 'bus.invalid_payload', subject: message.subject, problem: parsed.problem });
    },
  });
}
