/** Definitions of tables that changed, as the relay writes them, with the rights of the metrics service. */
import { migrate, openDatabase, withConnection } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { definitions } from '../../src/collectors/definitions.ts';

t.test('finds each changed definition once, with its position, and none from before the start', async (t) => {
  const stack = await useTestStack();
  await stack.template('metrics', async (url) => void (await migrate(url)));
  const database = await stack.database({ template: 'metrics' });
  const db = await openDatabase({ primaryUrl: database.primaryUrl, applicationName: 'test', pools: {} });
  t.teardown(async () => {
    await db.close();
    await database.drop();
  });
  const write = (table: string, lsn: string) =>
    withConnection(database.primaryUrl, 'test', (query) =>
      query(
        `insert into tidemark.table_definitions values ('public', $1, $2::text, $2::text::pg_lsn)
         on conflict (schema_name, table_name) do update set since = excluded.since`,
        [table, lsn],
      ),
    );
  await write('old', '0/10');
  const { collect } = definitions({
    admin: () => db.pools.admin,
    replicas: [],
    poolStats: () => [],
    close: async () => {},
  });
  t.same(await collect(), { changed: [] });
  await write('b', '0/30');
  await write('a', '1/0');
  const changed = [
    { number: 1, schema: 'public', table: 'b', lsn: '0/30' },
    { number: 2, schema: 'public', table: 'a', lsn: '1/0' },
  ];
  t.same(await collect(), { changed });
  t.same(await collect(), { changed });
  const [right] = await db.pools.admin.query(
    "select has_table_privilege('tidemark_metrics', 'tidemark.table_definitions', 'select') as reads",
  );
  t.equal(right?.reads, true);
});
