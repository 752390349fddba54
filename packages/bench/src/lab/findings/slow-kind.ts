/** A kind for BATCH_KINDS whose items only wait, so that they keep the workers and not the processor. */
import { setTimeout as pause } from 'node:timers/promises';

interface Spec {
  readonly items: number;
  readonly ms: number;
}

export default {
  name: 'lab.slow',
  version: 1,
  spec: { type: 'object', required: ['items', 'ms'] },
  item: { input: 'value', keepsSuccesses: false },
  limits: { itemMs: 60_000 },
  runsOn: 'thread',
  async source({ spec }: { spec: Spec }, cursor: string | null, limit: number) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items, from + limit);
    const inputs = Array.from({ length: end - from }, (_, n) => from + n);
    return { inputs, cursor: end < spec.items ? String(end) : null };
  },
  cost: () => 0,
  async run(_item: unknown, { spec }: { spec: Spec }) {
    await pause(spec.ms);
    return { value: null };
  },
};
