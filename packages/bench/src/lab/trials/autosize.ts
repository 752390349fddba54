/**
 * 64 clients and statements that are nothing but processor time: beyond a few at a time, more only get in each other's way. A pool
 * that sizes itself has to find that out, and lose nothing by it. Pools of fixed sizes are measured in turn with it.
 */
import { type Database, migrate, openDatabase } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { median } from '../../measuring/statistics.ts';
import { atLeast, atMost, type Trial } from '../trial.ts';

const CLIENTS = 64;
const MAX = 40;
const FIXED = [2, 4, 8, MAX];
/** About 1 ms of processor time. */
const STATEMENT = 'select count(*) from generate_series(1, 5000)';
const PACE = {
  quick: { settleMs: 1_500, roundMs: 150, rounds: 2 },
  full: { settleMs: 12_000, roundMs: 1_000, rounds: 7 },
};
/** It takes some seconds to settle, and rounds of 150 ms on a busy machine differ by a quarter. */
const SHARE_OF_BEST = { quick: 0.6, full: 0.95 };

export const autosize: Trial = {
  name: 'autosize',
  claim: 'more load does not mean more concurrency than is of use: as many answers with a fraction of the slots',
  async run({ quick, log, cleanup }) {
    const pace = quick ? PACE.quick : PACE.full;
    const stack = await startTemporaryStack({ nats: false, replica: false });
    cleanup(() => stack.stop());
    const open = async (max: number, autosize: boolean) => {
      const options = { min: Math.min(max, 2), max, autosize };
      const db = await openDatabase({
        ...{ primaryUrl: stack.primary.url, applicationName: `lab ${max}`, pools: { write: options } },
      });
      cleanup(() => db.close(1_000));
      return db;
    };
    await migrate(stack.primary.url);
    const automatic = await open(MAX, true);
    await load(automatic, pace.settleMs);
    const settled = limitOf(automatic);
    log(`settled at ${settled} of ${MAX} slots`);
    const fixed = await Promise.all(FIXED.map((max) => open(max, false)));
    for (const db of fixed) await load(db, pace.roundMs / 2);
    const ratios: number[][] = FIXED.map(() => []);
    const limits: number[] = [];
    for (let round = 0; round < pace.rounds; round++) {
      const theirs: number[] = [];
      for (const db of fixed) theirs.push(await load(db, pace.roundMs));
      const ours = await load(automatic, pace.roundMs);
      for (const [at, rate] of theirs.entries()) ratios[at]!.push(ours / rate);
      limits.push(limitOf(automatic));
      log(
        `${ours.toFixed(0)}/s with ${limits.at(-1)} slots; fixed ${theirs.map((n, i) => `${FIXED[i]}: ${n.toFixed(0)}`).join(', ')}`,
      );
    }
    return [
      atLeast(
        'answers, as a share of the best fixed size (medians)',
        quick ? SHARE_OF_BEST.quick : SHARE_OF_BEST.full,
        Math.min(...ratios.map(median)),
      ),
      atMost('slots in use, most', quick ? MAX : MAX / 2, Math.max(...limits)),
    ];
  },
};

const limitOf = (db: Database) => db.pools.write.stats().limit ?? 0;

/** Answers a second. */
async function load(db: Database, ms: number): Promise<number> {
  const began = performance.now();
  let answered = 0;
  const client = async () => {
    while (performance.now() - began < ms) {
      await db.pools.write.query(STATEMENT);
      answered++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return (answered / (performance.now() - began)) * 1_000;
}
