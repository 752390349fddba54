import t from 'tap';
import { migrated } from '../migrated.ts';
import { rightsOf } from '../rights.ts';

const { url, db } = await migrated(t, 'matches');
const as = (role: string, sub?: string) => ({ role, claims: JSON.stringify({ role, ...(sub ? { sub } : {}) }) });
const write = (identity: ReturnType<typeof as>, text: string) => db.write({ identity, statements: [{ text }] });

const ALL = 'select insert update delete';
/** `own` is commentary of the caller, `other` that of another. Teams and matches belong to nobody. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, readonly [own: string, other: string]>>>> = {
  commentary: {
    anon: ['select', 'select'],
    'without a subject': ['select', 'select'],
    user: [ALL, 'select'],
    ops: ['select', 'select'],
    service_role: [ALL, ALL],
  },
  commentary_sequences: {},
  matches: {
    anon: ['select', 'select'],
    'without a subject': ['select', 'select'],
    user: ['select', 'select'],
    ops: ['select', 'select'],
    service_role: [ALL, ALL],
  },
  teams: {
    anon: ['select', 'select'],
    'without a subject': ['select', 'select'],
    user: ['select', 'select'],
    ops: ['select', 'select'],
    service_role: [ALL, ALL],
  },
};

t.test('each role may do with each table of matches what is written here, and nothing else', async (t) => {
  for (const author of ['ada', 'bob']) {
    await write(
      as('authenticated', author),
      `insert into public.commentary (match_id, minute, message) values (1, 1, 'x')`,
    );
  }
  const callers = {
    anon: { role: 'anon' },
    'without a subject': { role: 'authenticated' },
    user: { role: 'authenticated', claims: { sub: 'ada' } },
    ops: { role: 'ops' },
    service_role: { role: 'service_role' },
  };
  const numbers = { own: '1', other: '2' };
  const lines = await rightsOf(url, {
    schema: 'public',
    tenantColumns: { commentary: 'author', commentary_sequences: 'match_id', matches: 'id', teams: 'id' },
    own: 'ada',
    other: 'bob',
    tenants: { commentary_sequences: numbers, matches: numbers, teams: numbers },
    callers,
    fresh: { teams: { name: 'New Town' } },
    inserted: { commentary: ['match_id', 'minute', 'message', 'author'] },
    updated: { commentary: 'message', matches: 'status', teams: 'city' },
  });
  const expected = Object.entries(ALLOWED).flatMap(([table, allowed]) =>
    Object.keys(callers).flatMap((caller) => {
      const [own, other] = allowed[caller] ?? ['nothing', 'nothing'];
      return [`${table} · ${caller} · own: ${own}`, `${table} · ${caller} · other: ${other}`];
    }),
  );
  t.same(lines, expected);
});

t.test(
  'entries of a match are numbered without a gap, also after one that failed and for two writers at once',
  async (t) => {
    const [before] = await db.pools.write.query(
      'select max(sequence) as last from public.commentary where match_id = 3',
    );
    const add = (sub: string, values: string) =>
      write(as('authenticated', sub), `insert into public.commentary (match_id, minute, message) values ${values}`);
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => add(n % 2 ? 'ada' : 'bob', `(3, 46, 'one'), (3, 47, 'two')`)),
    );
    await t.rejects(add('ada', `(3, 48, 'fine'), (3, 131, 'too late')`), { code: '23514' });
    await add('ada', `(3, 48, 'after it')`);
    const rows = await db.pools.write.query<{ sequence: number; period: string }>(
      `select sequence, period from public.commentary where match_id = 3 and sequence > ${before?.last} order by id`,
    );
    t.same(
      rows.map(({ sequence }) => sequence).sort((a, b) => a - b),
      Array.from({ length: 41 }, (_, n) => Number(before?.last) + 1 + n),
    );
    t.equal(rows[0]?.period, 'second_half', 'the period follows from the minute');
    await t.rejects(add('ada', `(9999, 1, 'no such match')`), {
      code: '23503',
      constraint: 'commentary_match_id_fkey',
    });
  },
);

t.test('the score is the number of goals after inserts, corrections and deletes', async (t) => {
  const ada = as('authenticated', 'ada');
  const service = as('service_role');
  const score = async () => {
    const [row] = await db.pools.write.query('select home_score, away_score from public.matches where id = 20');
    return [row?.home_score, row?.away_score];
  };
  const [match] = await db.pools.write.query(
    'select home_team_id as home, away_team_id as away from public.matches where id = 20',
  );
  const goal = (team: unknown) => `(20, 10, 'goal', ${team}, 'GOAL!')`;
  const columns = 'insert into public.commentary (match_id, minute, kind, team_id, message) values';
  await write(ada, `${columns} ${goal(match?.home)}, ${goal(match?.home)}, ${goal(match?.away)}`);
  t.same(await score(), [2, 1]);
  const [xmin] = await db.pools.write.query('select xmin::text as xmin from public.matches where id = 20');
  await write(ada, `update public.commentary set message = 'A fine goal!' where match_id = 20`);
  const [after] = await db.pools.write.query('select xmin::text as xmin from public.matches where id = 20');
  t.equal(after?.xmin, xmin?.xmin, 'a correction of words does not touch the match');
  await write(
    service,
    `update public.commentary set team_id = ${match?.away} where id = (select min(id) from public.commentary where match_id = 20)`,
  );
  t.same(await score(), [1, 2]);
  await write(ada, 'delete from public.commentary where match_id = 20');
  t.same(await score(), [0, 0]);
  const other = match?.home === 1 ? 2 : 1;
  await t.rejects(
    write(
      ada,
      `${columns} ${goal(`(select id from public.teams where id not in (${match?.home}, ${match?.away}) and id >= ${other} limit 1)`)}`,
    ),
    {
      code: '23514',
      message: /does not play in match 20/,
    },
  );
  await t.rejects(write(ada, `${columns} ${goal('null')}`), { code: '23514' }, 'a goal without a team');
  const wrong = await db.pools.write.query(`select m.id from public.matches m where (home_score, away_score) <> (
    select count(*) filter (where team_id = home_team_id), count(*) filter (where team_id = away_team_id)
      from public.commentary c where c.match_id = m.id and kind = 'goal')`);
  t.same([...wrong], [], 'the scores of all demo matches agree with their goals');
});
