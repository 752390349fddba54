/** A kind for BATCH_KINDS whose items keep a processor busy for some ms. */
import { countedItems } from './counted-items.ts';

interface Spec {
  readonly items: number;
  readonly ms: number;
}

export default {
  ...countedItems,
  name: 'bench.spin',
  spec: { type: 'object', required: ['items', 'ms'] },
  item: { input: 'value', keepsSuccesses: true },
  run(_item: unknown, { spec }: { spec: Spec }) {
    const end = performance.now() + spec.ms;
    while (performance.now() < end);
    return { value: null };
  },
};
