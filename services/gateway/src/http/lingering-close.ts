/**
 * An answer that comes before the whole request was read would be lost if the connection were closed at once: the sender, still
 * writing, sees a reset. So the rest is read and thrown away for a moment, as nginx's lingering_close does.
 */
import type { IncomingMessage } from 'node:http';

/** For an answer to arrive over a slow line; a sender that goes on is then cut off. */
const LINGER_MS = 5_000;

export function linger(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), LINGER_MS);
  const over = () => clearTimeout(timer);
  request.once('close', over).once('end', over);
  // A client that cuts the connection needs no answer; `close` follows and clears the timer.
  request.on('error', () => undefined);
  request.unpipe();
  // The listeners of whoever read before are gone only after this tick, and resume() does nothing until then.
  setImmediate(() => request.resume());
}
