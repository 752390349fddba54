/**
 * Lets the clients of an instance that stops go, spread over time.
 *
 *   each is told its time ──► it leaves by itself ────────────────────────────────► gone
 *                       └───► LEAVE_MS after its time it is closed ──► gone, or cut off CLOSE_MS after the last of them
 *
 * Whoever has not left yet is served as ever.
 */
import { releaseTimes } from './release-times.ts';

export interface DrainingClient {
  isGone(): boolean;
  /** It should be gone in `ms`. */
  tell(ms: number): void;
  /** Its time has come. */
  close(): void;
  /** It did not take the close in. */
  cut(): void;
}

/** For a client that was told its time to leave by itself: the way of the frame, and a timer in a busy page, ms. */
const LEAVE_MS = 500;
/** For the answers to the last closes, ms. */
const CLOSE_MS = 1_500;
/** What all of it takes at most beyond the time that clients are spread over, ms. */
export const DRAIN_EXTRA_MS = LEAVE_MS + CLOSE_MS;
/** Between two looks at who is due, ms; small beside LEAVE_MS. */
const LOOK_MS = 25;

export async function drainClients(clients: readonly DrainingClient[], overMs: number): Promise<void> {
  const times = releaseTimes(clients.length, overMs);
  const last = times.at(-1);
  if (last === undefined) return;
  const startedAt = Date.now();
  for (const [n, client] of clients.entries()) client.tell(times[n] as number);
  let due = 0;
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = Date.now() - startedAt;
      for (; due < clients.length && (times[due] as number) + LEAVE_MS <= elapsedMs; due += 1) {
        const client = clients[due] as DrainingClient;
        if (!client.isGone()) client.close();
      }
      if (elapsedMs < last + DRAIN_EXTRA_MS && clients.some((client) => !client.isGone())) return;
      clearInterval(timer);
      resolve();
    }, LOOK_MS);
  });
  for (const client of clients) if (!client.isGone()) client.cut();
}
