import t from 'tap';
import { withClient } from '../src/postgres-node.ts';
import { startTemporaryStack, TestStack, useTestStack } from '../src/test-stack.ts';
import { waitUntil } from '../src/wait-until.ts';
import { processesUnder, runElsewhere } from './another-process.ts';

const stack = await useTestStack();

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const begun = performance.now();
  return [await work(), Math.round(performance.now() - begun)];
}

t.test('each database is new, and there on the replica when it is given out', async (t) => {
  const [first] = await timed(() => stack.database());
  const times: number[] = [];
  for (let i = 0; i < 5; i += 1) {
    const [database, ms] = await timed(() => stack.database());
    times.push(ms);
    await withClient(database.replicaUrl, async (sql) => {
      t.same(await sql`select current_database() as name, pg_is_in_recovery() as standby`, [
        { name: database.name, standby: true },
      ]);
    });
    await database.drop();
  }
  t.comment(`database() takes ${times.join(', ')} ms`);
  await first.drop();
  await first.drop();
  await t.rejects(
    withClient(first.primaryUrl, (sql) => sql`select 1`),
    { code: '3D000' },
  );
});

t.test('a template is built once per key, however many ask at once', async (t) => {
  const key = `once ${Math.random()}`;
  let built = 0;
  const build = async (url: string) => {
    built += 1;
    await withClient(url, (sql) => sql.unsafe('create table seeded (i int); insert into seeded values (42)'));
  };
  await Promise.all([1, 2, 3].map(() => stack.template(key, build)));
  t.equal(built, 1);
  const databases = await Promise.all([1, 2, 3].map(() => stack.database({ template: key })));
  for (const { primaryUrl, replicaUrl, drop } of databases) {
    for (const url of [primaryUrl, replicaUrl]) {
      t.same(await withClient(url, (sql) => sql`select i from seeded`), [{ i: 42 }]);
    }
    await drop();
  }
});

t.test('a build that fails is tried again by the next', async (t) => {
  const key = `fails ${Math.random()}`;
  await t.rejects(
    stack.template(key, (url) => withClient(url, (sql) => sql`select 1/0`).then(() => {})),
    { code: '22012' },
  );
  await stack.template(key, async () => {});
  await (await stack.database({ template: key })).drop();
});

t.test('drop() ends sessions and removes replication slots, in use or not', async (t) => {
  const database = await stack.database();
  const name = database.name;
  await withClient(database.primaryUrl, async (sql) => {
    await sql`select pg_create_logical_replication_slot(${`idle_${name}`}, 'pgoutput')`;
    await sql`select pg_create_logical_replication_slot(${`busy_${name}`}, 'test_decoding')`;
    await sql`create table t (i int)`;
    // Keeps the slot in use: decoding waits for WAL that has not been written yet.
    const busy = sql`select pg_logical_slot_get_changes(${`busy_${name}`}, 'F/FFFFFFFF', null)`.catch((error) => error);
    const slotIsBusy = () =>
      withClient(stack.primaryUrl, async (admin) => {
        const rows = await admin`select from pg_stat_activity where datname = ${name} and query like '%get_changes%'`;
        return rows.length > 0;
      });
    t.ok(await waitUntil(slotIsBusy, 5_000));
    await database.drop();
    await busy;
  });
  await withClient(stack.primaryUrl, async (admin) => {
    t.same(await admin`select slot_name from pg_replication_slots where slot_name like ${`%${name}`}`, []);
    t.same(await admin`select datname from pg_database where datname = ${name}`, []);
  });
});

t.test('subject prefixes are subjects, and differ', async (t) => {
  const prefixes = new Set(Array.from({ length: 1000 }, () => stack.natsPrefix()));
  t.equal(prefixes.size, 1000);
  for (const prefix of prefixes) if (!/^t[a-z0-9]{8}$/.test(prefix)) t.fail(prefix);
});

t.test('a process without TIDEMARK_TEST_STACK has a stack of its own, which ends with it', async (t) => {
  const other = runElsewhere(`
    const s = await stack.useTestStack();
    const d = await s.database();
    const again = await stack.useTestStack();
    say({ same: s === again, url: s.primaryUrl, folder: '' });`);
  const said = await other.said;
  t.equal(said.same, true);
  t.equal(await other.exited, 0, 'the process ends by itself');
  await t.rejects(
    withClient(String(said.url), (sql) => sql`select 1`),
    { code: 'ECONNREFUSED' },
  );
});

t.test('a process that TIDEMARK_TEST_STACK is given to shares the stack', async (t) => {
  const urls = {
    primaryUrl: stack.primaryUrl,
    replicaUrl: stack.replicaUrl,
    natsUrl: stack.natsUrl,
  };
  const script = 'const s = await stack.useTestStack(); say({ url: s.primaryUrl });';
  const other = runElsewhere(script, { TIDEMARK_TEST_STACK: JSON.stringify(urls) });
  t.same(await other.said, { url: stack.primaryUrl });
  t.equal(await other.exited, 0);
  const refused = runElsewhere(
    'await stack.useTestStack().catch((error) => say({ code: error.code, message: error.message }));',
    { TIDEMARK_TEST_STACK: '{"primaryUrl":"x"}' },
  );
  t.match(await refused.said, { code: 'STACK_BAD_TEST_STACK', message: /a URL is missing/ });
});

t.test('describeForTests of a private stack makes a TestStack', async (t) => {
  const { describeForTests } = await import('../src/test-stack.ts');
  const own = await startTemporaryStack();
  t.teardown(() => own.stop());
  const shared = new TestStack(JSON.parse(describeForTests(own)));
  await (await shared.database()).drop();
  await own.stop();
  t.same(processesUnder(own.dataFolder), []);
});
