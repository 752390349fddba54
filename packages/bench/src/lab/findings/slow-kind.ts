/** A kind for BATCH_KINDS whose items only wait, so that they keep the workers and not the processor. */
import { setTimeout as pause } from 'node:timers/promises';
import { countedItems } from '../../batch/counted-items.ts';

interface Spec {
  readonly items: number;
  readonly ms: number;
}

export default {
  ...countedItems,
  name: 'lab.slow',
  spec: { type: 'object', required: ['items', 'ms'] },
  item: { input: 'value', keepsSuccesses: false },
  async run(_item: unknown, { spec }: { spec: Spec }) {
    await pause(spec.ms);
    return { value: null };
  },
};
