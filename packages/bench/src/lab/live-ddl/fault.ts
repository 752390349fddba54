/** A difference between a client and SELECT, or a row that a client received without the right to see it. */
export interface Fault {
  readonly kind: string;
  readonly step: number;
  readonly table: string;
  readonly client: string;
  readonly text: string;
  readonly after: string;
  readonly statements: readonly string[];
}

export function firstOfEachKind(faults: readonly Fault[]): [Fault, number][] {
  const all = new Map<string, [Fault, number]>();
  for (const fault of faults) {
    const known = all.get(fault.kind);
    if (known) known[1] += 1;
    else all.set(fault.kind, [fault, 1]);
  }
  return [...all.values()];
}

export const describeFault = (seed: number, { kind, step, client, text, after, statements }: Fault) =>
  [
    `seed ${seed}, step ${step}: ${kind}`,
    client,
    text.slice(0, 1_500),
    `after ${after}`,
    ...statements.map((one) => one.slice(0, 600)),
  ].join('\n    ');
