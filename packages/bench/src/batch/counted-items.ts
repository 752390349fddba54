/** Inputs of kinds for BATCH_KINDS whose items are only counted: the numbers below `spec.items`. */
export interface CountedItems {
  readonly items: number;
}

export const countedItems = {
  version: 1,
  limits: { itemMs: 60_000 },
  runsOn: 'thread',
  async source({ spec }: { spec: CountedItems }, cursor: string | null, limit: number) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items, from + limit);
    const inputs = Array.from({ length: end - from }, (_, n) => from + n);
    return { inputs, cursor: end < spec.items ? String(end) : null };
  },
  cost: () => 0,
};
