/**
 * nginx's lingering_close does the same. Were the connection closed at once, a client that is still sending would see
 * a reset in place of the answer.
 */
import type { IncomingMessage } from 'node:http';

/** ms for the answer to arrive over a slow line. A client that is still sending is then cut off. */
const LINGER_MS = 5_000;

export function discardBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  const clear = () => clearTimeout(timer);
  request.once('close', clear).once('end', clear);
  // A client that cuts the connection needs no answer; `close` follows and clears the timer.
  request.on('error', () => undefined);
  request.unpipe();
  // The listeners of the former reader are gone only after this tick, and resume() does nothing until then.
  setImmediate(() => request.resume());
}
