import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startTemporaryStack, withClient } from '@tidemark/local-stack';
import t from 'tap';
import { describeForTests, TestStack, useTestStack } from '../src/index.ts';

const stack = await useTestStack();

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const begun = performance.now();
  return [await work(), Math.round(performance.now() - begun)];
}

t.test('database() returns a new database that is already on the replica', async (t) => {
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

t.test('template() builds a template once for each key, also under concurrent calls', async (t) => {
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

t.test('template() builds again after a failed build', async (t) => {
  const key = `fails ${Math.random()}`;
  await t.rejects(
    stack.template(key, (url) => withClient(url, (sql) => sql`select 1/0`).then(() => {})),
    { code: '22012' },
  );
  await stack.template(key, async () => {});
  await (await stack.database({ template: key })).drop();
});

t.test('drop() ends sessions and removes replication slots, active or not', async (t) => {
  const database = await stack.database();
  const name = database.name;
  await withClient(database.primaryUrl, async (sql) => {
    await sql`select pg_create_logical_replication_slot(${`idle_${name}`}, 'pgoutput')`;
    await sql`select pg_create_logical_replication_slot(${`busy_${name}`}, 'test_decoding')`;
    await sql`create table t (i int)`;
    // The decoding waits for WAL that does not exist yet, which keeps the slot active.
    const busy = sql`select pg_logical_slot_get_changes(${`busy_${name}`}, 'F/FFFFFFFF', null)`.catch((error) => error);
    const slotIsBusy = () =>
      withClient(stack.primaryUrl, async (admin) => {
        const rows = await admin`select from pg_stat_activity where datname = ${name} and query like '%get_changes%'`;
        return rows.length > 0;
      });
    while (!(await slotIsBusy())) await setTimeout(10);
    await database.drop();
    await busy;
  });
  await withClient(stack.primaryUrl, async (admin) => {
    t.same(await admin`select slot_name from pg_replication_slots where slot_name like ${`%${name}`}`, []);
    t.same(await admin`select datname from pg_database where datname = ${name}`, []);
  });
});

t.test('natsPrefix() returns unique prefixes that are valid subjects', async (t) => {
  const prefixes = new Set(Array.from({ length: 1000 }, () => stack.natsPrefix()));
  t.equal(prefixes.size, 1000);
  for (const prefix of prefixes) if (!/^t[a-z0-9]{8}$/.test(prefix)) t.fail(prefix);
});

/** Runs a module body in another process without tap's loaders and returns its standard output. */
async function runElsewhere(body: string, testStack = ''): Promise<string> {
  const entry = JSON.stringify(new URL('../dist/index.js', import.meta.url).href);
  const module = `const { useTestStack } = await import(${entry});\n${body}`;
  const env = { ...process.env, NODE_OPTIONS: '', TIDEMARK_TEST_STACK: testStack };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', module], { env });
  return stdout.trim();
}

t.test('a process without TIDEMARK_TEST_STACK starts its own stack, which ends with the process', async (t) => {
  const url = await runElsewhere(`
    const stack = await useTestStack();
    await stack.database();
    console.log(stack === (await useTestStack()) ? stack.primaryUrl : 'a second stack');`);
  await t.rejects(
    withClient(url, (sql) => sql`select 1`),
    { code: 'ECONNREFUSED' },
  );
});

t.test('a process with TIDEMARK_TEST_STACK shares that stack', async (t) => {
  const { primaryUrl, replicaUrl, natsUrl } = stack;
  const script = 'console.log((await useTestStack()).primaryUrl);';
  t.equal(await runElsewhere(script, JSON.stringify({ primaryUrl, replicaUrl, natsUrl })), primaryUrl);
  const refusal = await runElsewhere(
    'await useTestStack().catch(({ code, message }) => console.log(code, message));',
    '{"primaryUrl":"x"}',
  );
  t.match(refusal, /TESTING_BAD_TEST_STACK .*a URL is missing/);
});

t.test('describeForTests() describes a private stack for a TestStack', async (t) => {
  const own = await startTemporaryStack();
  t.teardown(() => own.stop());
  const shared = new TestStack(JSON.parse(describeForTests(own)));
  await (await shared.database()).drop();
});
