/**
 * Disconnects the clients of an instance that stops, spread over time.
 *
 *   each receives its time ──► it leaves by itself ────────────────────────────────► gone
 *                        └───► LEAVE_MS after its time it is closed ──► gone, or cut off CLOSE_MS after the last close
 *
 * A client that has not left yet is still served.
 */
import { releaseTimes } from './release-times.ts';

export interface DrainingClient {
  isGone(): boolean;
  tell(ms: number): void;
  close(): void;
  /** Destroys the connection of a client that does not read the close. */
  cut(): void;
}

/** Time for a client to leave by itself, ms: the latency of the frame, and a late timer in a busy page. */
const LEAVE_MS = 500;
/** Time for the answers to the last closes, ms. */
const CLOSE_MS = 1_500;
/** Limit of the time beyond that over which the clients are spread, ms. */
export const DRAIN_EXTRA_MS = LEAVE_MS + CLOSE_MS;
/** Interval of the checks for clients that are due, ms; small beside LEAVE_MS. */
const CHECK_MS = 25;

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
    }, CHECK_MS);
  });
  for (const client of clients) if (!client.isGone()) client.cut();
}
