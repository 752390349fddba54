/** Each request has an id, by which its record and its lines of the log are found. */
import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export const REQUEST_ID_HEADER = 'x-request-id';

/** A client may choose the id; anything but a short name could be an attack on the reader of the log. */
const CHOSEN = /^[\w.:-]{1,64}$/;

/** Returns a function that gives each request the id of its header, or one that no other instance gives. */
export function requestIds(): (request: Pick<IncomingMessage, 'headers'>) => string {
  const prefix = randomBytes(5).toString('hex');
  let given = 0;
  return ({ headers }) => {
    const chosen = headers[REQUEST_ID_HEADER];
    if (typeof chosen === 'string' && CHOSEN.test(chosen)) return chosen;
    given += 1;
    return `${prefix}-${given.toString(36)}`;
  };
}
