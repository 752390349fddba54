/** A kind for BATCH_KINDS whose items keep a processor busy for some ms. */
interface Spec {
  readonly items: number;
  readonly ms: number;
}

export default {
  name: 'bench.spin',
  version: 1,
  spec: { type: 'object', required: ['items', 'ms'] },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 60_000 },
  runsOn: 'thread',
  async source({ spec }: { spec: Spec }, cursor: string | null, limit: number) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items, from + limit);
    const inputs = Array.from({ length: end - from }, (_, n) => from + n);
    return { inputs, cursor: end < spec.items ? String(end) : null };
  },
  cost: () => 0,
  run(_item: unknown, { spec }: { spec: Spec }) {
    const end = performance.now() + spec.ms;
    while (performance.now() < end);
    return { value: null };
  },
};
