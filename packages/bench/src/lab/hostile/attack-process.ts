/**
 * Process entry: thirty attackers, until they are told that it is over. In a process of their own, as in the world: what they cost
 * themselves must not stand between the users and the readMetrics that are taken of them.
 */
import { setMaxListeners } from 'node:events';
import { attackers } from './all.ts';
import { type Attacker, attack } from './attacker.ts';
import { type Outcomes, sumOf } from './outcomes.ts';

/** Messages of the parent: the gateway to attack, then the end of the trial. */
export type AttackOrder = { readonly url: string; readonly count: number } | 'over';
/** Reports to the parent; the last one is final. */
export interface AttackReport {
  readonly outcomes: Outcomes;
  readonly isFinal: boolean;
}

const REPORT_MS = 250;
const over = new AbortController();
// Each open connection of an attacker listens.
setMaxListeners(0, over.signal);

function start({ url, count }: Exclude<AttackOrder, 'over'>): void {
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

process.on('message', (order: AttackOrder) => (order === 'over' ? over.abort() : start(order)));
process.once('disconnect', () => process.exit());
