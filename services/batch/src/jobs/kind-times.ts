/** The ms of an item of each kind lately on this instance: a guess for the first chunks of a job, whose items are not measured yet. */
export interface KindTimes {
  learn(kind: string, itemMs: number): void;
  /** Returns null for a kind that has not run here. */
  guess(kind: string): number | null;
}

export function createKindTimes(): KindTimes {
  // The kinds of the instance bound it.
  const times = new Map<string, number>();
  return {
    learn(kind, itemMs) {
      const before = times.get(kind);
      times.set(kind, before === undefined ? itemMs : (before + itemMs) / 2);
    },
    guess: (kind) => times.get(kind) ?? null,
  };
}
