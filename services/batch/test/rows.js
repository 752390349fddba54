/** A kind for tests: the rows of a query. Each item may change its row, with a connection of the kind's own. */
import { openDatabase } from '@tidemark/db';

let database;

export default {
  name: 'rows',
  version: 1,
  spec: { type: 'object', required: ['query'] },
  item: { input: 'value', keepsSuccesses: true },
  limits: { itemMs: 10_000 },
  runsOn: 'main',
  source: ({ spec, rows }, cursor, limit) => rows({ query: spec.query }, cursor, Math.min(limit, spec.page ?? limit)),
  cost: () => 0,
  async run({ input }, { spec }) {
    if (spec.change) {
      database ??= openDatabase({ primaryUrl: process.env.DATABASE_URL, pools: { write: { max: 1 } } });
      await (await database).pools.write.query(spec.change, [input.id]);
    }
    return { value: input };
  },
};
