/** A kind for tests whose first item fails, and whose finish writes a row with the job's rights. */
export default {
  name: 'finishing',
  version: 1,
  spec: { type: 'object', required: ['items'] },
  item: { input: 'value', keepsSuccesses: false },
  limits: { itemMs: 60_000 },
  runsOn: 'main',
  source: async ({ spec }) => ({ inputs: Array.from({ length: spec.items }, (_, n) => n), cursor: null }),
  cost: () => 0,
  async run({ index }, { spec, signal }) {
    if (spec.ms) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    return index === 0 ? { failure: { code: 'FIRST', message: 'the first item fails' } } : {};
  },
  async finish(tx, { id, spec, done, failed }) {
    await tx.query(
      `insert into public.ends values ($1, $2, $3, current_user, current_setting('request.jwt.claims')::json ->> 'sub')`,
      [id, done, failed],
    );
    if (spec.broken) throw new Error('the finish is broken');
  },
};
