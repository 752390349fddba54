/** A subscriber may know a definition before the relay does, which renders values by the one that it knows. */
import { isDeepStrictEqual } from 'node:util';
import { DDL_PREFIX } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { type HeldQuery, holdQuery } from '../held-query.ts';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create type public.place as (x int, y int);
create table public.item (id int primary key, n int, place public.place);
create table public.spot (id int primary key, n int, place public.place);
grant select on public.item, public.spot to anon, authenticated;
alter table public.item replica identity full;
alter table public.spot replica identity full;
alter publication tidemark add table public.item, public.spot;`;
/** No check by time comes within the test. */
const NEVER = '3600000';
const ANNOUNCE = `select pg_logical_emit_message(true, '${DDL_PREFIX}', '')`;

t.test('a subscriber that knows a definition before the relay', async (t) => {
  const service = await startTestRealtime(SETUP, { DEFINITIONS_CHECK_MS: NEVER, RIGHTS_CHECK_MS: NEVER });
  const client = await new LiveClient(service.url).open();
  t.teardown(async () => {
    await client.close();
    await service.stop();
  });
  const endsEqual = async (held: HeldQuery, table: string) => {
    const found = await service.sql(`select to_jsonb(t) as row from ${table} t order by id`);
    const expected = found.map(({ row }) => row);
    const rows = () => [...held.rows.values()];
    await until(
      () => held.position !== undefined && isDeepStrictEqual(rows(), expected),
      () => `${JSON.stringify(expected)}; there is ${JSON.stringify(rows())}`,
    );
  };
  /** The relay has planned how the table's values are rendered, and the facts of the client's role are not cached. */
  const insert = async (table: string) => {
    const other = await new LiveClient(service.url, { token: await token({ role: 'authenticated' }) }).open();
    await other.subscribe('other', table);
    await service.sql(`insert into ${table} values (1, 1, '(1,2)')`);
    await other.change(({ row }) => row?.id === 1);
    await other.close();
  };

  await t.test('begins again at the announcement, after values of the former definition', async () => {
    await insert('item');
    await service.sql('alter type place rename attribute x to east');
    const held = await holdQuery(client, 'item', 'item');
    await service.sql('update item set n = 2');
    await client.change(({ row }) => row?.n === 2);
    await service.sql(ANNOUNCE);
    await endsEqual(held, 'item');
  });

  await t.test('begins again at values of the former definition that come after the announcement', async () => {
    await insert('spot');
    const writer = new pg.Client(service.database.primaryUrl);
    await writer.connect();
    try {
      await writer.query('begin; update spot set n = 2');
      await service.sql('alter type place rename attribute y to north');
      const held = await holdQuery(client, 'spot', 'spot');
      await writer.query(`${ANNOUNCE}; commit`);
      await endsEqual(held, 'spot');
    } finally {
      await writer.end();
    }
  });
});
