/** Waits for followers: what they said last is what a failure tells. */

import { until } from '../../measuring/waiting.ts';
import type { ResumingClients } from './resuming-clients.ts';
import type { ResumingCounts } from './resuming-messages.ts';

const WAIT_MS = 60_000;

/** @returns the counts for which it came true. @throws where none did in time */
export async function reached(
  followers: ResumingClients,
  what: string,
  isThere: (counts: ResumingCounts) => boolean,
): Promise<ResumingCounts> {
  let counts = await followers.count();
  await until(
    () => `${what} (${JSON.stringify(counts)})`,
    async () => {
      counts = await followers.count();
      return isThere(counts);
    },
    WAIT_MS,
  );
  return counts;
}

/** Everyone who has had a change since it began has the newest one of its key. */
export async function everyoneHas(followers: ResumingClients, newest: ReadonlyMap<number, number>): Promise<void> {
  let behind: readonly (readonly [key: number, n: number])[] = [];
  await until(
    () => `the last change to everyone (of ${newest.size} keys, not ${JSON.stringify(behind.slice(0, 5))})`,
    async () => {
      behind = (await followers.samples()).newest.filter(([key, n]) => n !== newest.get(key));
      return behind.length === 0;
    },
    WAIT_MS,
  );
}
