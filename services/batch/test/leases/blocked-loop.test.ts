import t from 'tap';
import { createBlockedLoop, type HeldChunk } from '../../src/leases/blocked-loop.ts';

/** Looks every second; the loop is blocked from the second `from` on. Returns when, and why, the process has to end. */
function run(from: number, seconds: number, held: HeldChunk[]): { second: number; reason: string } | undefined {
  const loop = createBlockedLoop();
  for (let second = 0; second <= seconds; second += 1) {
    const reason = loop.look(second * 1_000, Math.min(second, from), held);
    if (reason) return { second, reason };
  }
  return undefined;
}

t.test('a loop that runs, or is blocked within the time of an item, goes on', async (t) => {
  t.equal(run(1_000, 900, [{ itemMs: 1_000 }]), undefined);
  t.equal(run(5, 70, [{ itemMs: 60_000 }]), undefined);
  t.equal(run(5, 900, []), undefined, 'without chunks nothing is to be freed');
});

t.test('a blocked loop ends ten seconds after the time of its items, or after their job was cancelled', async (t) => {
  t.match(run(5, 900, [{ itemMs: 1_000 }, { itemMs: 60_000 }]), { second: 76, reason: /an item may take 60000 ms/ });
  t.match(run(5, 900, [{ itemMs: 60_000, lostAt: 8_000 }]), { second: 19, reason: /whose job has ended/ });
});

t.test('a suspended process is not taken for a blocked loop', async (t) => {
  const loop = createBlockedLoop();
  for (const now of [0, 1_000, 500_000, 501_000]) t.equal(loop.look(now, 7, [{ itemMs: 1_000 }]), undefined);
});
