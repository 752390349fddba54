/** A difference between a client and SELECT, or a row that a client received without the right to see it. */
export interface Fault {
  readonly kind: string;
  readonly step: number;
  readonly table: string;
  readonly client: string;
  readonly text: string;
  /** Statements on the client's table since the last comparison. */
  readonly after: string;
  /** The last statements that changed more than rows. */
  readonly statements: readonly string[];
}

/** Returns the first fault of each kind with the number of its kind. */
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
