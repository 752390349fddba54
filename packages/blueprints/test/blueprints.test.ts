import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalFileStore } from '@tidemark/files';
import t from 'tap';
import { blueprints, loadBlueprint, loadDemoImages } from '../src/index.ts';
import { migrated } from './migrated.ts';

t.test('every blueprint loads once, also by two starters at once', async (t) => {
  const { url } = await migrated(t);
  for (const { name } of blueprints) {
    const loaded = await Promise.all([loadBlueprint(url, name), loadBlueprint(url, name)]);
    t.same(loaded.sort(), [false, true], name);
    t.equal(await loadBlueprint(url, name), false);
  }
});

t.test('matches: everybody reads, users write as themselves, nobody as another', async (t) => {
  const { url, db } = await migrated(t);
  await loadBlueprint(url, 'matches');
  const as = (role: string, sub?: string) => ({ role, claims: JSON.stringify({ role, ...(sub ? { sub } : {}) }) });
  const count = async (identity: ReturnType<typeof as>) =>
    Number(
      (await db.read({ identity, statement: { text: 'select count(*) as n from public.commentary' } })).rows[0]?.n,
    );
  t.ok((await count(as('anon'))) > 300);
  const write = (identity: ReturnType<typeof as>, text: string) => db.write({ identity, statements: [{ text }] });
  const insert = "insert into public.commentary (match_id, minute, message) values (1, 1, 'x')";
  await write(as('authenticated', 'ada'), insert);
  await t.rejects(write(as('anon'), insert), { code: '42501' });
  const correct = (sub: string) =>
    write(as('authenticated', sub), "update public.commentary set message = 'y' where author = 'ada'");
  t.equal((await correct('bob')).results[0]?.count, 0, "another's words cannot be changed");
  t.equal((await correct('ada')).results[0]?.count, 1);
  const [score] = await db.pools.write.query('select sum(home_score + away_score) as goals from public.matches');
  const [goals] = await db.pools.write.query("select count(*) as n from public.commentary where kind = 'goal'");
  t.equal(Number(score?.goals), Number(goals?.n), 'the scores agree with the goals');
});

t.test('refuses an unknown blueprint, and one whose tables exist already', async (t) => {
  const { url, db } = await migrated(t);
  await t.rejects(loadBlueprint(url, 'nope'), { code: 'BLUEPRINT_UNKNOWN', hint: /matches/ });
  await db.pools.write.query('create table public.teams (id integer)');
  await t.rejects(loadBlueprint(url, 'matches'), { code: 'BLUEPRINT_FAILED' });
  const [left] = await db.pools.write.query('select count(*) as n from tidemark.blueprints');
  t.equal(Number(left?.n), 0, 'rolled back as a whole');
});

t.test('loads the demo images once', async (t) => {
  const { db } = await migrated(t);
  const dir = await mkdtemp(join(tmpdir(), 'tidemark-blueprints-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  const store = createLocalFileStore({ dir });
  t.equal(await loadDemoImages(db, store, 5), 5);
  t.equal(await loadDemoImages(db, store, 5), 0);
});
