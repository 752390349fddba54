/** Short pipelined reads are the cheapest statements. Recording is on and off in turn on the same connections. */
import { type Database, openDatabase } from '@tidemark/db';
import { closedLoop } from '../../measuring/loops.ts';
import { median } from '../../measuring/statistics.ts';
import { atLeast, atMost, type Trial } from '../trial.ts';

const CLIENTS = 32;
const PACE = { quick: { warmMs: 500, roundMs: 60, rounds: 12 }, full: { warmMs: 3_000, roundMs: 250, rounds: 60 } };
/** Rounds of 60 ms on a busy machine only show that the cost is no multiple. */
const MAX_PERCENT = { quick: 150, full: 3 };

export const statisticsCost: Trial = {
  name: 'statistics-cost',
  claim: 'recording every statement costs at most 3 % of the shortest reads',
  async run(context) {
    const { warmMs, roundMs, rounds } = PACE[context.mode];
    const stack = await context.ownStack({ nats: false, replica: false });
    const db = await openDatabase({ primaryUrl: stack.primary.url, applicationName: 'lab' });
    context.cleanup(() => db.close(1_000));
    await reads(db, warmMs);
    const before = db.statements()[0]?.callsTotal ?? 0;
    const costs: number[] = [];
    const cpuCosts: number[] = [];
    for (let round = 0; round < rounds; round++) {
      // The order on, off, off, on, … exposes both to a drift.
      const order = round % 2 === 0 ? [true, false] : [false, true];
      const measured = new Map<boolean, { perSecond: number; cpuMicros: number }>();
      for (const on of order) {
        db.recordStatements(on);
        measured.set(on, await reads(db, roundMs));
      }
      const [on, off] = [measured.get(true)!, measured.get(false)!];
      costs.push((1 - on.perSecond / off.perSecond) * 100);
      cpuCosts.push((on.cpuMicros / off.cpuMicros - 1) * 100);
    }
    const recorded = (db.statements()[0]?.callsTotal ?? 0) - before;
    const max = MAX_PERCENT[context.mode];
    return [
      atMost('additional processor time of a read, median of rounds', max, median(cpuCosts), ' %'),
      atMost('loss of reads a second, median of rounds', max, median(costs), ' %'),
      atLeast('recorded reads', 100, recorded),
    ];
  },
};

async function reads(db: Database, ms: number): Promise<{ perSecond: number; cpuMicros: number }> {
  const read = {
    identity: { role: 'anon', claims: '{}' },
    statement: { text: 'select $1::int as one', params: [1] },
    holder: { route: 'GET /rest/v1/:table' },
  };
  const cpu = process.cpuUsage();
  const { calls, perSecond } = await closedLoop(CLIENTS, ms, () => db.read(read));
  const { user, system } = process.cpuUsage(cpu);
  return { perSecond, cpuMicros: (user + system) / calls };
}
