import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalFileStore } from '@tidemark/files';
import t from 'tap';
import { loadDrawnImages } from '../../src/index.ts';
import { migrated } from '../migrated.ts';
import { rightsOf } from '../rights.ts';

const { url, db } = await migrated(t, 'imaging');
const dir = await mkdtemp(join(tmpdir(), 'tidemark-imaging-'));
t.teardown(() => rm(dir, { recursive: true, force: true }));
const store = createLocalFileStore({ dir });
const as = (sub: string) => ({ role: 'authenticated', claims: JSON.stringify({ role: 'authenticated', sub }) });
const write = (sub: string, text: string) => db.write({ identity: as(sub), statements: [{ text }] });

t.test('the drawn images are stored once, with a file and known regions each', async (t) => {
  t.same([...(await loadDrawnImages(db, store, ['imaging']))], [['imaging', 48]]);
  t.same([...(await loadDrawnImages(db, store, ['imaging']))], [['imaging', 0]]);
  const [poor] = await db.pools.write.query(
    'select count(*)::int as n from imaging.images i left join tidemark.files f on f.id = file_id where f.id is null or jsonb_array_length(regions) = 0',
  );
  t.equal(poor?.n, 0);
  await db.pools.write.query(`insert into imaging.segmentations (project_id, image_id, polygon, area, author)
    select project_id, id, '[[0,0],[1,0],[1,1]]', 0.5, 'ada' from imaging.images`);
});

const ALL = 'select insert update delete';
/** Project 3 is ada's: ben edits it and demo-user sees it. Project 2 is demo-user's, and none of the others sees it. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  images: { owner: ALL, editor: ALL, viewer: 'select' },
  projects: { owner: ALL, editor: 'select', viewer: 'select' },
  segmentations: { owner: ALL, editor: ALL, viewer: 'select' },
  // A member sees the own membership and may end it.
  shares: { owner: ALL, editor: 'select delete', viewer: 'select delete' },
};

t.test('each user may do with each table of imaging what is written here, and nothing else', async (t) => {
  const user = (sub: string) => ({ role: 'authenticated', claims: { sub } });
  const callers = {
    anon: { role: 'anon' },
    'without a subject': { role: 'authenticated' },
    stranger: user('cleo'),
    viewer: user('demo-user'),
    editor: user('ben'),
    owner: user('ada'),
    ops: { role: 'ops' },
    service_role: { role: 'service_role' },
  };
  const lines: string[] = [];
  // An insert writes the row in the caller's name, as any client must.
  for (const [caller, identity] of Object.entries(callers)) {
    const sub = (identity as { claims?: { sub: string } }).claims?.sub ?? 'nobody';
    lines.push(
      ...(await rightsOf(url, {
        schema: 'imaging',
        tenantColumns: { images: 'project_id', projects: 'id', segmentations: 'project_id', shares: 'project_id' },
        own: '3',
        other: '2',
        callers: { [caller]: identity },
        fresh: {
          shares: { member: 'eve' },
          images: { added_by: sub },
          segmentations: { author: sub },
        },
        inserted: { projects: ['name', 'owner'] },
        updated: { projects: 'name', shares: 'role', images: 'state', segmentations: 'label' },
      })),
    );
  }
  const isOwnerOfTwo = (caller: string) => caller === 'viewer';
  const expected = Object.keys(callers).flatMap((caller) =>
    Object.entries(ALLOWED).flatMap(([table, allowed]) => {
      const own = caller === 'service_role' ? ALL : (allowed[caller] ?? 'nothing');
      const other = caller === 'service_role' || isOwnerOfTwo(caller) ? ALL : 'nothing';
      return [`${table} · ${caller} · own: ${own}`, `${table} · ${caller} · other: ${other}`];
    }),
  );
  t.same(lines, expected);
});

t.test('the files of a project are for its owner and members', async (t) => {
  const seen = async (sub: string) =>
    (
      await db.read({
        identity: as(sub),
        statement: {
          text: `select distinct split_part(path, '/', 1) as project from tidemark.files where bucket = 'imaging' order by 1`,
        },
      })
    ).rows.map(({ project }) => project);
  t.same(await seen('ada'), ['1', '3', '4', '5']);
  t.same(await seen('ben'), ['3', '5', '6']);
  t.same(await seen('demo-user'), ['1', '2', '3']);
  t.same(await seen('cleo'), []);
  const taken = `insert into imaging.images (project_id, file_id, name, width, height)
    select 4, id, 'x', 1, 1 from tidemark.files where path like '3/%' limit 1`;
  await write('ada', `delete from imaging.images where project_id = 3 and name = 'cells-00000.png'`);
  await t.rejects(
    write('ada', taken),
    { code: /42501|23505/ },
    'an image of one project cannot show the file of another',
  );
  await t.rejects(
    write('ada', `insert into imaging.shares (project_id, member) values (6, 'cleo')`),
    { code: '23503' },
    'nobody shares the project of another',
  );
});

t.test('the first outline of the model marks the image', async (t) => {
  const add = (source: string) =>
    write(
      'ada',
      `insert into imaging.segmentations (project_id, image_id, polygon, area, source)
         select 4, min(id), '[[0,0],[1,0],[1,1]]', 1, '${source}' from imaging.images where project_id = 4`,
    );
  const state = async () =>
    (await db.pools.write.query('select state from imaging.images where project_id = 4 order by id limit 1'))[0]?.state;
  await add('person');
  t.equal(await state(), 'new');
  await add('model');
  t.equal(await state(), 'segmented');
});
