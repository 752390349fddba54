/** Right after the schema changes, a write has the meaning of the new one, whatever catalog the gateway has. */
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

interface Retyped {
  readonly from: string;
  readonly to: string;
  readonly using?: string;
  readonly value: string;
  readonly written: unknown;
  readonly shown?: unknown;
}

const CASES: readonly Retyped[] = [
  { from: 'int', to: 'bigint', value: '5', written: 5_000_000_000 },
  { from: 'int', to: 'numeric', value: '5', written: 1.5 },
  { from: 'int', to: 'text', value: '5', written: 'abc' },
  { from: 'text', to: 'int', using: 'v::int', value: '5', written: 7 },
  { from: 'text', to: 'char(3)', value: 'a', written: 'b', shown: 'b  ' },
  { from: 'text', to: 'jsonb', using: 'v::jsonb', value: '{"a":1}', written: { b: [2] } },
  // The former types would lose digits, the time of day, or the time zone, without an error.
  { from: 'numeric(12,1)', to: 'numeric(12,3)', value: '0.1', written: 0.125 },
  { from: 'real', to: 'float8', value: '0.5', written: 0.123456789 },
  { from: 'date', to: 'timestamp', value: '2026-01-01', written: '2026-02-01T10:20:30' },
  { from: 'timestamptz(0)', to: 'timestamptz', value: '2026-01-01Z', written: '2026-02-01T00:00:00.25+00:00' },
  {
    from: 'timestamp',
    to: 'timestamptz',
    using: `v at time zone 'UTC'`,
    value: '2026-01-01T00:00:00',
    written: '2026-02-01T01:00:00+01:00',
    shown: '2026-02-01T00:00:00+00:00',
  },
  { from: 'varchar(3)', to: 'varchar(5)', value: 'abc', written: 'abcde' },
  { from: 'bit(3)', to: 'bit(5)', using: `'10101'`, value: '101', written: '01010' },
];

const HOUR = '3600000';
const REPRESENTATION = { prefer: 'return=representation' };

t.test('writes right after a change of the schema', async (t) => {
  const gateway = await useGateway(t, {
    script: `${CASES.map(
      ({ from, value }, n) => `create table x${n} (id int primary key, v ${from});
        insert into x${n} values (1, '${value}'); grant all on x${n} to anon;`,
    ).join('\n')}
      create table item (id int primary key); grant all on item to anon;
      create table pair (id int primary key, v int); grant all on pair to anon;
      create table priced (k numeric(6,2) primary key, v int); grant all on priced to anon;
      create table listed (id int primary key, v int); grant all on listed to anon;`,
    // The gateway does not look by itself within the test.
    env: { CATALOG_INTERVAL_MS: HOUR },
  });
  const { sql } = gateway;
  const write = async (
    method: string,
    path: string,
    body: unknown,
    headers: Record<string, string> = REPRESENTATION,
  ) => {
    const answer = await gateway.request(path, { method, headers, body: JSON.stringify(body) });
    return { status: answer.status, body: JSON.parse((await answer.text()) || 'null') };
  };

  for (const [n, { from, to, using = `v::${to}`, written, shown = written }] of CASES.entries()) {
    await t.test(`${from} to ${to}`, async (t) => {
      const path = `/rest/v1/x${n}?select=v`;
      const retype = () => sql.unsafe(`alter table x${n} alter v type ${to} using ${using}`);
      // The statement of the former type is prepared.
      await Promise.all([2, 3, 4].map((id) => write('POST', path, { id, v: null })));
      await retype();
      t.same(await write('POST', path, { id: 5, v: written }), { status: 201, body: [{ v: shown }] }, 'an insert');
      const patched = await write('PATCH', `${path}&id=eq.2`, { v: written });
      t.same(patched, { status: 200, body: [{ v: shown }] }, 'an update');
    });
  }

  await t.test('inserts that are joined, and one with a result for each row', async (t) => {
    const insert = (id: number, v: unknown) => write('POST', '/rest/v1/pair', { id, v }, {});
    await Promise.all([1, 2, 3, 4].map((id) => insert(id, id)));
    await sql.unsafe('alter table pair alter v type text');
    const answers = await Promise.all([5, 6, 7, 8].map((id) => insert(id, `v${id}`)));
    t.same(new Set(answers.map(({ status }) => status)), new Set([201]));
    await sql.unsafe('alter table pair alter v type jsonb using to_jsonb(v)');
    const rows = [
      { id: 9, v: { a: 1 } },
      { id: 9, v: {} },
    ];
    const each = await write('POST', '/rest/v1/pair', rows, { prefer: 'results=per-row' });
    t.match(each, { status: 207, body: [{ status: 201 }, { status: 409 }] });
    const found = await sql.unsafe('select id, v from pair where id > 4 order by id');
    t.same(
      found.map(({ v }) => v),
      ['v5', 'v6', 'v7', 'v8', { a: 1 }],
    );
  });

  await t.test('a new column, a new table, and a list of writes', async (t) => {
    await sql.unsafe('alter table item add column color text');
    t.match(await write('POST', '/rest/v1/item', { id: 1, color: 'red' }), { status: 201, body: [{ color: 'red' }] });
    await sql.unsafe('create table fresh (id int primary key); grant all on fresh to anon');
    t.match(await write('POST', '/rest/v1/fresh', { id: 1 }), { status: 201, body: [{ id: 1 }] });
    await sql.unsafe('alter table listed alter v type numeric');
    const operations = [{ method: 'POST', path: '/rest/v1/listed', body: { id: 1, v: 1.5 } }];
    t.match(await write('POST', '/api/v1/transaction', { operations }), { status: 200 });
    t.match(await sql.unsafe('select v::text from listed'), [{ v: '1.5' }]);
  });

  await t.test('a PUT compares the key as the column stores it', async (t) => {
    const put = (key: string) => write('PUT', `/rest/v1/priced?k=eq.${key}`, { k: 1.234, v: 1 });
    t.match(await put('1.234'), { status: 400, body: { code: 'PGRST115' } });
    t.match(await put('1.23'), { status: 201, body: [{ k: 1.23, v: 1 }] });
  });

  await t.test('refuses what the new schema refuses as well', async (t) => {
    t.match(await write('POST', '/rest/v1/item', { id: 2, none: 1 }), { status: 400, body: { code: 'PGRST204' } });
    t.match(await write('POST', '/rest/v1/nowhere', { id: 2 }), { status: 404, body: { code: 'PGRST205' } });
    t.match(await write('POST', '/rest/v1/x0', { id: 9, v: 'none' }), { status: 400, body: { code: '22P02' } });
  });
});
