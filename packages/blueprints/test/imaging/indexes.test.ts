import t from 'tap';
import { indexesOf, redundantIndexes, unchosenIndexes } from '../indexes.ts';
import { migrated } from '../migrated.ts';

const { db } = await migrated(t, 'imaging');

/** The planner chooses an index only where the table is large enough. */
const MORE = [
  `insert into imaging.projects (owner, name) select 'user' || n % 700, 'Project ' || n from generate_series(1, 7000) n`,
  `insert into imaging.shares (project_id, owner, member) select id, owner, 'user' || id % 699 from imaging.projects where owner <> 'user' || id % 699 on conflict do nothing`,
  `with contents as (
     insert into tidemark.file_contents (id, content_type, size, sha256, storage_key)
     select gen_random_uuid(), 'image/png', 1, 'x', 'key' || n from generate_series(1, 30000) n returning id
   ), files as (
     insert into tidemark.files (id, path, bucket) select id, '1/' || id, 'imaging' from contents returning id
   ) select count(*) from files`,
  `insert into imaging.images (project_id, file_id, name, width, height, state)
     select 1 + (row_number() over ()) % 3000, id, 'n' || id, 10, 10, case when (row_number() over ()) % 40 = 0 then 'new' else 'segmented' end from tidemark.files`,
  `insert into imaging.segmentations (project_id, image_id, label, polygon, area)
     select project_id, id, 'label' || n, '[[0,0],[1,0],[1,1]]', n from imaging.images, generate_series(1, 4) n`,
  'analyze',
];

t.test('the planner chooses each index of imaging for its query, and none is redundant', async (t) => {
  for (const statement of MORE) await db.pools.write.query(statement);
  t.same(await unchosenIndexes(db, 'imaging', await indexesOf('imaging')), []);
  t.same(await redundantIndexes(db, 'imaging'), []);
});
