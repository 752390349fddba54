/** Outcomes of the attacks, by kind of attacker. */
import type { Outcome } from './attacker.ts';

export type Outcomes = Readonly<Record<string, Outcome>>;

export function sumOf(attacks: readonly { readonly name: string; readonly outcome: Outcome }[]): Outcomes {
  const sums: Record<string, Outcome> = {};
  for (const { name, outcome } of attacks) {
    const sum = sums[name];
    sums[name] = {
      refused: (sum?.refused ?? 0) + outcome.refused,
      served: (sum?.served ?? 0) + outcome.served,
      unanswered: (sum?.unanswered ?? 0) + outcome.unanswered,
      largestBytes: Math.max(sum?.largestBytes ?? 0, outcome.largestBytes),
    };
  }
  return sums;
}
