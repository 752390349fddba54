/** Tests that policies are evaluated on the exact row, with generated columns, nulls and arrays, or the subscription is refused. */
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const secured = (name: string, columns: string, policy: string) => `
create table public.${name} (id int primary key, ${columns});
alter table public.${name} replica identity full; alter table public.${name} enable row level security;
create policy p on public.${name} for select to anon using (${policy}); grant select on public.${name} to anon;`;

const SETUP = `
create extension hstore;
create domain public.small as int check (value < 10);
${secured('tickets', `status text, internal bool generated always as (status = 'internal')`, 'internal is not true')}
${secured('sums', 'a int, b int, total int generated always as (a + b) stored', 'total < 10')}
${secured('documents', 'data jsonb', 'data is null')}
${secured('lists', 'tags text[]', `array_lower(tags, 1) = 0`)}
${secured('holes', 'data jsonb[]', `data[1] is not null`)}
${secured('bags', 'bag hstore, note text', `bag -> 'shown' = 'yes'`)}
${secured('levels', 'level public.small', 'level > 5')}
${secured('wholes', 'name text, upper_name text generated always as (upper(name))', 'true')}
create function public.shows(public.wholes) returns bool language sql as $$ select $1.upper_name = 'YES' $$;
alter policy p on public.wholes using (public.shows(wholes));
${secured('oids', 'name text', `tableoid = 'public.oids'::regclass`)}
${secured('raw', 'data json', `data::text like '%yes%'`)}
${secured('narrow', 'name text, secret text', `secret is null`)}
${secured('joined', 'name text, second text', 'exists (select from public.narrow n where n.secret = joined.name)')}
${secured('physical', 'name text', `ctid is not null`)}
alter publication tidemark add table public.tickets, public.sums, public.documents, public.lists, public.holes, public.bags,
  public.levels, public.wholes, public.oids, public.raw, public.narrow (id, name), public.joined (id, name), public.physical;`;

/** [table, what is shown, what is hidden], as SQL after `insert into`. Ids of hidden rows are below 10. */
const ROWS: [string, string, string][] = [
  ['tickets', `(id, status) values (10, 'open')`, `(id, status) values (1, 'internal')`],
  ['sums', `(id, a, b) values (10, 4, 5)`, `(id, a, b) values (1, 5, 5)`],
  ['documents', `values (10, null)`, `values (1, 'null')`],
  ['lists', `values (10, '[0:1]={a,b}')`, `values (1, '{a,b}')`],
  ['holes', `values (10, array['null'::jsonb])`, `values (1, array[null::jsonb])`],
  ['bags', `values (10, 'shown=>yes')`, `values (1, 'shown=>no'), (2, '')`],
  ['levels', `values (10, 6)`, `values (1, 5)`],
  ['wholes', `(id, name) values (10, 'yes')`, `(id, name) values (1, 'no')`],
  ['oids', `values (10, '')`, ''],
  ['raw', `values (10, '{"shown": "yes", "other": "\\u0000"}')`, `values (1, '{"shown": "no", "other": "\\u0000"}')`],
];

t.test('policies see the values of the row', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const anon = () => new LiveClient(service.url).open();

  t.test('sends the rows that the policies show, and no others', async (t) => {
    const client = await anon();
    const topics: number[] = [];
    for (const [table] of ROWS) topics.push(await client.subscribe(table, `${table}?select=id`, { snapshot: true }));
    for (const [table, shown, hidden] of ROWS) {
      if (hidden) await service.sql(`insert into ${table} ${hidden}`);
      await service.sql(`insert into ${table} ${shown}`);
    }
    for (const [n, [table]] of ROWS.entries()) {
      const seen = () => client.changes(topics[n]).map(({ row }) => Number(row?.id));
      await client.change(({ row }) => row?.id === 10 && seen().includes(10));
      const selected = await service.sql<{ id: number }>(`select id from ${table} where id >= 10 order by id`);
      t.same(
        seen(),
        selected.map(({ id }) => id),
        table,
      );
    }
    t.notOk(client.frames.some(({ op }) => op === 'resync' || op === 'error'));
    await client.close();
  });

  t.test('never sends an internal ticket', async (t) => {
    const client = await anon();
    const texts: string[] = [];
    client.ws.on('message', (data) => texts.push(String(data)));
    await client.subscribe('s', 'tickets?select=id,status', { snapshot: true });
    await service.sql(
      `insert into tickets (id, status) values (20, 'internal'), (21, 'open'), (22, 'internal'), (23, null)`,
    );
    await client.change(({ row }) => row?.id === 23);
    t.same(
      client.changes().map(({ row }) => row?.id),
      [21, 23],
    );
    t.notMatch(texts.join(), /internal/);
    await client.close();
  });

  t.test('evaluates a row that violates the domain of its column', async (t) => {
    await service.sql(`alter domain small drop constraint small_check; insert into levels values (30, 50), (31, 1);
      alter domain small add constraint small_check check (value < 10) not valid;`);
    const client = await anon();
    await client.subscribe('s', 'levels?select=id');
    await service.sql(`delete from levels where id in (30, 31)`);
    t.same(await client.change(({ type }) => type === 'delete'), { type: 'delete', old: { id: 30 } });
    t.notOk(client.changes().some(({ old }) => old?.id === 31));
    await client.close();
  });

  t.test('rejects a policy that reads what changes do not carry, without naming hidden columns', async (t) => {
    const client = await anon();
    const refusal = await client.refusal('s', 'narrow?select=id');
    t.match(refusal, { code: 'RT_POLICY_READS_MORE', retry: false });
    t.notMatch(JSON.stringify(refusal), /secret/);
    t.match(await client.refusal('s', 'physical'), { code: 'RT_POLICY_READS_MORE', message: /system columns/ });
    await client.subscribe('s', 'joined?select=id');
    const owner = await new LiveClient(service.url, { token: await token({ role: 'service_role' }) }).open();
    await service.sql('grant select on narrow to service_role');
    await owner.subscribe('s', 'narrow?select=id,name');
    await Promise.all([client.close(), owner.close()]);
  });
});
