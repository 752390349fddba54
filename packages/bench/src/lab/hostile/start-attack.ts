import { join } from 'node:path';
import { errors } from '../../errors.ts';
import { forkModule, stopChild } from '../../processes/server.ts';
import { usageOf } from '../../processes/usage.ts';
import type { AttackOrder, AttackReport } from './attack-process.ts';
import type { Outcomes } from './outcomes.ts';

export interface Attack {
  outcomes(): Outcomes;
  cpuMs(): number | null;
  end(): Promise<Outcomes>;
  stop(): Promise<void>;
}

export function startAttack(url: string, count: number): Attack {
  const child = forkModule(join(import.meta.dirname, 'attack-process.js'));
  let outcomes: Outcomes = {};
  child.on('message', (report: AttackReport) => {
    outcomes = report.outcomes;
  });
  const send = (order: AttackOrder) => child.send(order);
  send({ url, count });
  return {
    outcomes: () => outcomes,
    cpuMs: () => (child.pid === undefined ? null : usageOf(child.pid).cpuMs),
    end: () =>
      new Promise((resolve, reject) => {
        child.on('message', ({ outcomes: all, isFinal }: AttackReport) => isFinal && resolve(all));
        child.once('exit', (code) => reject(errors.LOAD_ENDED({ reason: `it ended with code ${code}` })));
        send('end');
      }),
    stop: () => stopChild(child),
  };
}
