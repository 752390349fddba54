/**
 * The statements only use processor time, so more than a few connections slow each other down. Pools of fixed sizes
 * are measured in turn.
 */
import { type Database, openDatabase } from '@tidemark/db';
import { closedLoop } from '../../measuring/loops.ts';
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
/** A quick run is too short to settle, and its rounds differ by a quarter on a busy machine. */
const SHARE_OF_BEST = { quick: 0.6, full: 0.95 };

export const autosize: Trial = {
  name: 'autosize',
  claim:
    'a pool that sizes itself completes as many statements as the best fixed size, with a fraction of the connections',
  async run(context) {
    const { settleMs, roundMs, rounds } = PACE[context.mode];
    const stack = await context.ownStack({ nats: false, replica: false });
    const open = async (max: number, autosize: boolean) => {
      const db = await openDatabase({
        primaryUrl: stack.primary.url,
        applicationName: `lab ${max}`,
        pools: { write: { min: Math.min(max, 2), max, autosize } },
      });
      context.cleanup(() => db.close(1_000));
      return db;
    };
    const automatic = await open(MAX, true);
    await perSecond(automatic, settleMs);
    context.log(`settled at ${limitOf(automatic)} of ${MAX} connections`);
    const fixed = await Promise.all(FIXED.map((max) => open(max, false)));
    for (const db of fixed) await perSecond(db, roundMs / 2);
    const ratios: number[][] = FIXED.map(() => []);
    const limits: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const theirs: number[] = [];
      for (const db of fixed) theirs.push(await perSecond(db, roundMs));
      const ours = await perSecond(automatic, roundMs);
      for (const [at, rate] of theirs.entries()) ratios[at]!.push(ours / rate);
      limits.push(limitOf(automatic));
      const others = theirs.map((rate, at) => `${FIXED[at]}: ${rate.toFixed(0)}`).join(', ');
      context.log(`${ours.toFixed(0)}/s with ${limits.at(-1)} connections; fixed ${others}`);
    }
    const worstRatio = Math.min(...ratios.map(median));
    return [
      atLeast('statements, as a share of the best fixed size', SHARE_OF_BEST[context.mode], worstRatio),
      atMost('connections in use', context.quick ? MAX : MAX / 2, Math.max(...limits)),
    ];
  },
};

const limitOf = (db: Database) => db.pools.write.stats().limit ?? 0;

const perSecond = async (db: Database, ms: number) =>
  (await closedLoop(CLIENTS, ms, () => db.pools.write.query(STATEMENT))).perSecond;
