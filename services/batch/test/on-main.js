import { appendFileSync } from 'node:fs';

/** A kind for tests that runs in the event loop of the service: its items wait, or block it, as the spec says. */
export default {
  name: 'on-main',
  version: 1,
  spec: { type: 'object', required: ['items'] },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 60_000 },
  runsOn: 'main',
  async source({ spec }) {
    return { inputs: Array.from({ length: spec.items }, (_, n) => n), cursor: null };
  },
  cost: () => 0,
  async run(_item, { spec, signal }) {
    if (spec.starts) appendFileSync(spec.starts, `${Date.now()}\n`);
    const end = performance.now() + (spec.blockMs ?? 0);
    while (performance.now() < end);
    if (spec.ms)
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, spec.ms);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    return { value: null };
  },
};
