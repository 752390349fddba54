/**
 * What it costs to record each statement: short reads on express lanes, where a statement costs least, with recording on and off
 * in turn on the same connections. What the lanes decide by is off as well, their verdicts stay.
 */
import { type Database, migrate, openDatabase } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { median } from '../../measuring/statistics.ts';
import { atLeast, atMost, type Trial } from '../trial.ts';

const CLIENTS = 32;
const PACE = { quick: { warmMs: 500, roundMs: 60, rounds: 12 }, full: { warmMs: 3_000, roundMs: 250, rounds: 60 } };
/** Rounds of 60 ms on a busy machine say no more than that it is not a multiple. */
const COST_PERCENT = { quick: 150, full: 3 };

export const statisticsCost: Trial = {
  name: 'statistics-cost',
  claim: 'recording every statement costs at most 3 % of the shortest reads',
  async run({ quick, log, cleanup }) {
    const mode = quick ? 'quick' : 'full';
    const { warmMs, roundMs, rounds } = PACE[mode];
    const stack = await startTemporaryStack({ nats: false, replica: false });
    cleanup(() => stack.stop());
    await migrate(stack.primary.url);
    const db = await openDatabase({ primaryUrl: stack.primary.url, applicationName: 'lab' });
    cleanup(() => db.close(1_000));
    await reads(db, warmMs);
    const before = db.statements()[0]?.callsTotal ?? 0;
    const costs: number[] = [];
    const cpu: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // On, off, off, on, on, off …: what drifts meets both.
      const order = round % 2 === 0 ? [true, false] : [false, true];
      const measured = new Map<boolean, { perSecond: number; cpuMicros: number }>();
      for (const on of order) {
        db.recordStatements(on);
        measured.set(on, await reads(db, roundMs));
      }
      const [on, off] = [measured.get(true)!, measured.get(false)!];
      costs.push((1 - on.perSecond / off.perSecond) * 100);
      cpu.push((on.cpuMicros / off.cpuMicros - 1) * 100);
    }
    const counted = (db.statements()[0]?.callsTotal ?? 0) - before;
    log(
      `requests a second: ${median(costs).toFixed(1)} % fewer; processor time a request: ${median(cpu).toFixed(1)} % more`,
    );
    return [
      atMost('processor time for a read, with its statistics, median of rounds', COST_PERCENT[mode], median(cpu), ' %'),
      atMost('reads a second that it costs, median of rounds', COST_PERCENT[mode], median(costs), ' %'),
      atLeast('reads that were recorded meanwhile', 100, counted),
    ];
  },
};

async function reads(db: Database, ms: number): Promise<{ perSecond: number; cpuMicros: number }> {
  const identity = { role: 'anon', claims: '{}' };
  const statement = { text: 'select $1::int as one', params: [1] };
  const holder = { route: 'GET /rest/v1/:table' };
  const began = performance.now();
  const cpu = process.cpuUsage();
  let answered = 0;
  const client = async () => {
    while (performance.now() - began < ms) {
      await db.read({ identity, statement, holder });
      answered++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const used = process.cpuUsage(cpu);
  return {
    perSecond: (answered / (performance.now() - began)) * 1_000,
    cpuMicros: (used.user + used.system) / answered,
  };
}
