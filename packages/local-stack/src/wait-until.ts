import { setTimeout as sleep } from 'node:timers/promises';

/** ms between checks of a condition: short, and without visible CPU use. */
const INTERVAL_MS = 10;

/** Returns undefined when `limitMs` has passed. */
export async function waitUntil<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs: number,
): Promise<T | undefined> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const value = await condition();
    if (value !== undefined && value !== false) return value;
    if (performance.now() >= deadline) return undefined;
    await sleep(INTERVAL_MS);
  }
}
