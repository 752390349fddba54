import type { Outcome } from './attacker.ts';

export type Outcomes = Readonly<Record<string, Outcome>>;

export function sumOf(attacks: readonly { readonly name: string; readonly outcome: Outcome }[]): Outcomes {
  const sums: Record<string, Outcome> = {};
  for (const { name, outcome } of attacks) {
    sums[name] ??= { refused: 0, served: 0, unanswered: 0, largestBytes: 0 };
    const sum = sums[name];
    sum.refused += outcome.refused;
    sum.served += outcome.served;
    sum.unanswered += outcome.unanswered;
    sum.largestBytes = Math.max(sum.largestBytes, outcome.largestBytes);
  }
  return sums;
}
