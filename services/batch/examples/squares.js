/** The squares of the first numbers: the smallest kind of a team's own, for BATCH_KINDS. */
export default {
  name: 'squares',
  version: 1,
  spec: {
    type: 'object',
    properties: { count: { type: 'integer', minimum: 0 } },
    required: ['count'],
    additionalProperties: false,
  },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 1_000 },
  runsOn: 'thread',

  async source({ spec }, cursor, limit) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.count, from + limit);
    const inputs = Array.from({ length: end - from }, (_, n) => from + n);
    return { inputs, cursor: end < spec.count ? String(end) : null };
  },

  cost: () => 0,

  run: (item) => ({ value: item.input ** 2 }),
};
