import t from 'tap';
import { migrated } from '../migrated.ts';
import { rightsOf } from '../rights.ts';

const { url, db } = await migrated(t, 'sync');
const TABLES = ['albums', 'batches', 'devices', 'pictures', 'preferences'];
const ALL = 'select insert update delete';

t.test('a user may do everything with own rows of sync and nothing with those of another', async (t) => {
  const callers = {
    anon: { role: 'anon' },
    'without a subject': { role: 'authenticated' },
    user: { role: 'authenticated', claims: { sub: 'ada' } },
    ops: { role: 'ops' },
    service_role: { role: 'service_role' },
  };
  const lines = await rightsOf(url, {
    schema: 'sync',
    tenantColumns: Object.fromEntries(TABLES.map((name) => [name, 'owner'])),
    own: 'ada',
    other: 'ben',
    callers,
    fresh: { preferences: { key: 'new' }, devices: { name: 'New' } },
  });
  const expected = TABLES.flatMap((table) =>
    Object.keys(callers).flatMap((caller) => [
      `${table} · ${caller} · own: ${['user', 'service_role'].includes(caller) ? ALL : 'nothing'}`,
      `${table} · ${caller} · other: ${caller === 'service_role' ? ALL : 'nothing'}`,
    ]),
  );
  t.same(lines, expected);
});

t.test('no row moves to another user or points to a row of one', async (t) => {
  const identity = { role: 'authenticated', claims: '{"role":"authenticated","sub":"ada"}' };
  const write = (text: string) => db.write({ identity, statements: [{ text }] });
  await t.rejects(write(`update sync.albums set owner = 'ben'`), { code: '42501' });
  await t.rejects(write(`insert into sync.albums (owner, name) values ('ben', 'x')`), { code: '42501' });
  const foreign = `insert into sync.pictures (album_id, name) values (18, 'x')`;
  await t.rejects(write(foreign), { code: '23503' }, 'album 18 is of ben');
  await write(`update sync.preferences set value = '"light"', updated_at = '2000-01-01' where key = 'theme'`);
  const [set] = await db.pools.write.query(
    `select updated_at > now() - interval '1 minute' as now from sync.preferences where owner = 'ada' and key = 'theme'`,
  );
  t.equal(set?.now, true, 'the time of a change is the server’s');
});
