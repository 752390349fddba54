/** Tests that the values of a filter are read as the present type of the column, also after a change of the type. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create type public.mood as enum ('sad', 'ok');
create table public.visits (id int primary key, at timestamp, code text, n int, mood public.mood);
alter table public.visits replica identity full;
grant select on public.visits to authenticated;
insert into public.visits values (1, '2026-01-01', 'a', 5, 'ok');
alter publication tidemark add table public.visits;`;

/** The statement that changes the type, the filter, and the rows that it finds then. */
const RETYPES: readonly [change: string, before: string, after: string][] = [
  [
    `alter table visits alter at type timestamptz using at at time zone 'UTC'`,
    'at=eq.2026-01-01T00:00:00',
    'at=eq.2026-01-01T01:00:00%2B01:00',
  ],
  [`alter table visits alter code type char(3)`, 'code=eq.a', 'code=eq.a%20'],
  [`alter table visits alter n type bigint using 5000000000`, 'n=eq.5', 'n=eq.5000000000'],
  [
    `alter table visits drop mood; drop type mood; create type mood as enum ('sad', 'ok'); alter table visits add mood mood default 'ok'`,
    'mood=eq.ok',
    'mood=eq.ok',
  ],
];

t.test('uses the new type of a retyped column in snapshots, changes and windows', async (t) => {
  const service = await startTestRealtime(SETUP, { DEFINITIONS_CHECK_MS: '100', FRAMES_PER_SECOND: '5000' });
  t.teardown(() => service.stop());
  const client = await new LiveClient(service.url, { token: await token({ role: 'authenticated' }) }).open();
  t.teardown(() => client.close());
  let number = 0;
  const rowsOf = async (query: string) => {
    number += 1;
    const topic = await client.subscribeAnew(`s${number}`, query, { snapshot: true });
    client.send({ op: 'unsubscribe', id: `s${number}` });
    return client.frames.flatMap((frame) => (frame.op === 'snapshot' && frame.topic === topic ? frame.rows : []))
      .length;
  };
  for (const [change, before, after] of RETYPES) {
    const queries = (filter: string) => [`visits?select=id&${filter}`, `visits?select=id&${filter}&order=id&limit=5`];
    // Enough calls that each connection prepares the statement.
    for (let n = 0; n < 15; n += 1) for (const query of queries(before)) await rowsOf(query);
    await service.results(`${change}; select 1`);
    for (const query of queries(after)) {
      await until(async () => (await rowsOf(query)) === 1, query);
      const found = [];
      for (let n = 0; n < 10; n += 1) found.push(await rowsOf(query));
      t.same([...new Set(found)], [1], query);
    }
    const live = await client.subscribeAnew(`live${number}`, `visits?select=id&${after}`, { snapshot: true });
    const id = 100 + number;
    await service.sql(`insert into visits select ${id}, at, code, n, mood from visits where id = 1`);
    await until(() => client.changes(live).some(({ row }) => row?.id === id), `the change under ${after}`);
    await service.sql(`delete from visits where id = ${id}`);
  }
});
