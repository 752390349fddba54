import t from 'tap';
import { loadLargeData } from '../../src/index.ts';
import { indexesOf, redundantIndexes, unchosenIndexes } from '../indexes.ts';
import { migrated } from '../migrated.ts';

const { url, db } = await migrated(t, 'fleet');

t.test('fleet has at least 50 indexes, and the planner chooses each for its query', async (t) => {
  const indexes = await indexesOf('fleet');
  t.ok(indexes.length >= 50, `${indexes.length} indexes`);
  await loadLargeData(url, 'fleet', { rows: 120_000, progress: () => undefined });
  await db.pools.write.query('analyze');
  t.same(await unchosenIndexes(db, 'fleet', indexes), []);
});

t.test('no index of fleet is redundant', async (t) => {
  t.same(await redundantIndexes(db, 'fleet'), []);
});
