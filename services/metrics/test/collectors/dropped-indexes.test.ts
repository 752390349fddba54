import { migrate, openDatabase, openPool, type Pool } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { droppedIndexes } from '../../src/collectors/dropped-indexes.ts';
import type { PostgresConnection } from '../../src/collectors/postgres-connection.ts';
import { type Indexes, readIndexes } from '../../src/collectors/postgres-indexes.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const db = await openDatabase({ primaryUrl: database.primaryUrl, applicationName: 'dropped' });
t.teardown(async () => {
  await db.close();
  await database.drop();
});
const { admin } = db.pools;

t.test('a dropped index that was scanned is listed with the reads of its table since then', async (t) => {
  await admin.query('create table public.items (id int primary key, label text)');
  await admin.query("insert into public.items select n, 'label ' || n from generate_series(1, 20000) n");
  await admin.query('create index items_label on public.items (label)');
  await admin.query('create index never_read on public.items (id, label)');
  await admin.query('analyze public.items');
  const read = () => admin.query("select id from public.items where label = 'label 7'");
  await read();
  let indexes: Indexes | undefined;
  await until(async () => {
    indexes = await readIndexes(admin, {});
    return indexes.indexes.some(({ index, scans }) => index === 'items_label' && scans === 1);
  }, 'the scan is counted');
  const collector = droppedIndexes(
    { admin: () => admin, replicas: [] as readonly Pool[] } as PostgresConnection,
    () => indexes,
  );
  t.same(await collector.collect(), [], 'all are there');
  await admin.query('drop index public.items_label, public.never_read');
  t.match(await collector.collect(), [
    { schema: 'public', table: 'items', index: 'items_label', scans: 1, sequentialScans: 0 },
  ]);
  for (let n = 0; n < 4; n++) await read();
  const [dropped] = await until(async () => {
    const found = await collector.collect();
    return found.some(({ sequentialScans }) => sequentialScans >= 4) ? found : undefined;
  }, 'the sequential scans are counted');
  t.ok((dropped?.sequentialRows ?? 0) >= 80_000);
  await admin.query(String(dropped?.definition));
  t.same(await collector.collect(), [], 'it is back');
  await admin.query('drop index public.items_label');
  t.equal((await collector.collect()).length, 1);
  await admin.query('drop table public.items');
  t.same(await collector.collect(), [], 'its table is gone, too');
});

t.test('reads on a replica count: of the index before, and of its table since then', async (t) => {
  const replica = openPool({
    url: database.replicaUrl,
    name: 'replica1',
    applicationName: 'dropped',
    options: { min: 1, max: 1 },
  });
  t.teardown(() => replica.close());
  await admin.query('create table public.parcels (id int primary key, label text)');
  await admin.query("insert into public.parcels select n, 'label ' || n from generate_series(1, 20000) n");
  await admin.query('create index parcels_label on public.parcels (label)');
  await admin.query('analyze public.parcels');
  const read = () => replica.query("select id from public.parcels where label = 'label 7'");
  await until(
    () =>
      read().then(
        () => true,
        () => undefined,
      ),
    'the replica has the table',
  );
  let indexes: Indexes | undefined = await readIndexes(admin, {});
  const collector = droppedIndexes(
    { admin: () => admin, replicas: [replica] } as unknown as PostgresConnection,
    () => indexes,
  );
  const SCANNED = "select from pg_stat_user_indexes where indexrelname = 'parcels_label' and idx_scan > 0";
  await until(
    async () => ((await replica.query(SCANNED)).length > 0 ? true : read().then(() => undefined)),
    'the replica counts the scan',
  );
  indexes = await readIndexes(admin, {});
  t.equal(indexes.indexes.find(({ index }) => index === 'parcels_label')?.scans, 0, 'the primary has not used it');
  t.same(await collector.collect(), []);
  await admin.query('drop index public.parcels_label');
  t.match(await collector.collect(), [{ index: 'parcels_label', sequentialScans: 0 }]);
  const [dropped] = await until(async () => {
    await read();
    const found = await collector.collect();
    return found.some(({ sequentialScans }) => sequentialScans >= 3) ? found : undefined;
  }, 'the sequential scans of the replica are counted');
  t.ok((dropped?.sequentialRows ?? 0) >= 60_000);
});
