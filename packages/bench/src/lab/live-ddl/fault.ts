/** Describes, for people, what a client holds, was sent or was told against its rights. */
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

/** The first one of each kind, and how many there are. */
export function kinds(faults: readonly Fault[]): [Fault, number][] {
  const all = new Map<string, [Fault, number]>();
  for (const fault of faults) {
    const known = all.get(fault.kind);
    if (known) known[1] += 1;
    else all.set(fault.kind, [fault, 1]);
  }
  return [...all.values()];
}

export const told = (seed: number, { kind, step, client, text, after, statements }: Fault) =>
  [
    `seed ${seed}, step ${step}: ${kind}`,
    client,
    text.slice(0, 1_500),
    `after ${after}`,
    ...statements.map((one) => one.slice(0, 600)),
  ].join('\n    ');
