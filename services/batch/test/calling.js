/** A kind for tests that calls a server: one request for each item. */
export default {
  name: 'calling',
  version: 1,
  spec: { type: 'object', required: ['items', 'url'] },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 30_000 },
  runsOn: 'main',
  async source({ spec }, cursor, limit) {
    const from = Number(cursor ?? 0);
    const end = Math.min(spec.items, from + limit);
    const inputs = Array.from({ length: end - from }, (_, n) => from + n);
    return { inputs, cursor: end < spec.items ? String(end) : null };
  },
  target: (_, { spec }) => new URL(spec.url).host,
  cost: () => 0,
  async run({ index }, { spec, signal }) {
    const response = await fetch(`${spec.url}/${index}`, { signal });
    if (response.ok) return { value: await response.text() };
    return {
      failure: { code: `HTTP_${response.status}`, message: 'refused', throttled: [429, 503].includes(response.status) },
      retryAfter: response.headers.get('retry-after') ?? undefined,
      responseDate: response.headers.get('date') ?? undefined,
    };
  },
};
