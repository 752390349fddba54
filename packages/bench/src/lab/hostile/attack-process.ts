/** The attackers' own cost must not slow down the users. The process ends with its parent. */
import { setMaxListeners } from 'node:events';
import { attackers } from './all.ts';
import { type Attacker, attack } from './attacker.ts';
import { type Outcomes, sumOf } from './outcomes.ts';

export type AttackOrder = { readonly url: string; readonly count: number } | 'end';
export interface AttackReport {
  readonly outcomes: Outcomes;
  readonly isFinal: boolean;
}

const REPORT_MS = 250;
const over = new AbortController();
setMaxListeners(0, over.signal);

function start({ url, count }: Exclude<AttackOrder, 'end'>): void {
  const target = { url, port: Number(new URL(url).port), over: over.signal };
  const attacks = Array.from({ length: count }, (_, n) => {
    const attacker = attackers[n % attackers.length] as Attacker;
    return { name: attacker.name, ...attack(attacker, target) };
  });
  const report = (isFinal: boolean) => process.send?.({ outcomes: sumOf(attacks), isFinal } satisfies AttackReport);
  const timer = setInterval(report, REPORT_MS, false);
  over.signal.addEventListener('abort', () => {
    clearInterval(timer);
    void Promise.all(attacks.map(({ ended }) => ended)).then(() => report(true));
  });
}

process.on('message', (order: AttackOrder) => (order === 'end' ? over.abort() : start(order)));
process.once('disconnect', () => process.exit());
