/** Live queries of a client go on while the columns of their table change. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { WebSocket } from 'ws';
import { createClient } from '../src/index.ts';
import { startClients } from './clients.ts';

type Row = Record<string, unknown>;

const SHELF = `create table public.shelf (id int primary key, title text not null default '');
alter table public.shelf replica identity full;
grant select on public.shelf to authenticated;
insert into public.shelf values (1, 'one'), (2, 'two');
alter publication tidemark add table public.shelf`;

const CHANGES: readonly [what: string, change: string][] = [
  ['added', 'alter table shelf add column stars int default 3'],
  ['added and written', `alter table shelf add column place text; update shelf set place = 'left' where id = 1`],
  ['renamed', 'alter table shelf rename column place to side'],
  ['retyped', `alter table shelf alter column stars type text using 'S' || stars`],
  ['dropped', 'alter table shelf drop column stars'],
  ['in another table of that name', `drop table shelf; ${SHELF.replace('title', 'subtitle')}`],
];

t.test('live queries of all columns go on with what the columns are', async (t) => {
  const { backend, wire, liveUrl } = await startClients(t);
  const { sql } = backend;
  await sql.unsafe(SHELF);
  const inOrder = (rows: readonly Row[]) =>
    JSON.stringify([...rows].sort((a, b) => Number(a.id) - Number(b.id)).map((row) => Object.entries(row).sort()));
  /** Each has clients of its own, since a query that is resynced again and again waits longer each time. */
  async function goesOn(change: string, between: () => void): Promise<void> {
    const client = createClient(backend.url, { token: await backend.token('ann'), liveUrl, WebSocket });
    const shelf = () => client.from('shelf').select('*');
    const queries = {
      every: shelf().live(),
      latest: shelf().live({ mode: 'latest' }),
      window: shelf().order('id').limit(3).live(),
    };
    for (const live of Object.values(queries)) await live.ready();
    between();
    await sql.unsafe(change);
    await sql`insert into shelf (id) select max(id) + 1 from shelf`;
    for (const [name, live] of Object.entries(queries)) {
      const rows = inOrder(await sql.unsafe(`select * from shelf order by id ${name === 'window' ? 'limit 3' : ''}`));
      const held = () => inOrder(live.rows as readonly Row[]);
      await until(
        () => held() === rows && live.status === 'live',
        () => `${name} to hold ${rows}; it is ${live.status} and holds ${held()}`,
      );
    }
    client.close();
  }

  for (const [what, change] of CHANGES) {
    await t.test(`a column that is ${what}`, () => goesOn(change, () => undefined));
    const again = change.replaceAll('stars', 'points').replaceAll('place', 'spot').replaceAll('side', 'edge');
    await t.test(`a column that is ${what} while the client is away`, () => goesOn(again, () => wire.cut()));
  }
});
