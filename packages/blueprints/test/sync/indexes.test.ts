import t from 'tap';
import { indexesOf, redundantIndexes, unchosenIndexes } from '../indexes.ts';
import { migrated } from '../migrated.ts';

const { db } = await migrated(t, 'sync');

/** The planner chooses an index only where the table is large enough. */
const MORE = [
  `insert into sync.devices (owner, name, platform) select 'user' || n % 500, 'Device ' || n, 'phone' from generate_series(1, 10000) n`,
  `insert into sync.albums (owner, name) select 'user' || n % 500, 'Album ' || n from generate_series(1, 10000) n`,
  `insert into sync.pictures (owner, album_id, name, taken_at, favourite, tags)
     select a.owner, a.id, 'n' || n, now() - n * interval '1 hour', n % 20 = 0, case when n % 8 = 0 and a.id % 50 = 0 then '{blurred}'::text[] else '{sky}' end
       from sync.albums a, generate_series(1, 8) n`,
  // One user has so many pictures that looking at all of them costs more than looking at all blurred ones.
  `insert into sync.pictures (owner, album_id, name, taken_at, tags)
     select owner, id, 'm' || n, now() - n * interval '1 hour', '{sky}' from sync.albums, generate_series(1, 250) n where owner = 'user7'`,
  `insert into sync.batches (owner, album_id, title) select owner, id, 'x' from sync.albums`,
  'analyze',
];

t.test('the planner chooses each index of sync for its query, and none is redundant', async (t) => {
  for (const statement of MORE) await db.pools.write.query(statement);
  t.same(await unchosenIndexes(db, 'sync', await indexesOf('sync')), []);
  t.same(await redundantIndexes(db, 'sync'), []);
});
