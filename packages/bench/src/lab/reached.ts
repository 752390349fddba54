/** Waits for followers: what they said last is what a failure tells. */
import type { Followers } from '../live/followers.ts';
import type { FollowersCounts } from '../live/followers-order.ts';
import { until } from './until.ts';

const WAIT_MS = 60_000;

/** @returns the counts for which it came true. @throws where none did in time */
export async function reached(
  followers: Followers,
  what: string,
  isThere: (counts: FollowersCounts) => boolean,
): Promise<FollowersCounts> {
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
export async function everyoneHas(followers: Followers, newest: ReadonlyMap<number, number>): Promise<void> {
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
