import t from 'tap';
import { openTestDatabase } from '../open-test-database.ts';

const SERVICE = { role: 'service_role', claims: '{}' };

t.test('streams of different columns follow each other over one connection', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { analytics: { min: 1, max: 1 } } });
  const rowsOf = async (text: string) => {
    const all: unknown[] = [];
    for await (const { rows } of db.streams.rowsInBatches({ identity: SERVICE, statement: { text }, size: 2 })) {
      all.push(...rows);
    }
    return all;
  };
  for (let round = 0; round < 8; round++) {
    t.same(await rowsOf('select g as n from generate_series(1, 3) g'), [{ n: 1 }, { n: 2 }, { n: 3 }]);
    t.same(await rowsOf("select 'a' as x, true as y, null::int as z"), [{ x: 'a', y: true, z: null }]);
    t.same(await rowsOf("select jsonb_build_object('k', g) as n from generate_series(1, 2) g"), [
      { n: { k: 1 } },
      { n: { k: 2 } },
    ]);
  }
  const { slots } = db.pools.analytics.stats();
  t.equal(slots.idle + slots.busy, 1);
});
