/** Measures the cost of the engine. */
import { Type } from 'typebox';
import { defineKind } from './job-kind.ts';

export default defineKind({
  name: 'noop',
  version: 1,
  spec: Type.Object(
    { items: Type.Integer({ minimum: 0, maximum: 1_000_000, description: 'items of the job' }) },
    { additionalProperties: false },
  ),
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 10_000 },
  runsOn: 'main',
  async source({ spec }, cursor, limit) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items, from + limit);
    return { inputs: Array.from({ length: end - from }, () => null), cursor: end < spec.items ? String(end) : null };
  },
  cost: () => 0,
  run: () => ({ value: null }),
});
