/** pg_stat_statements shows the statements of all users, so the service never creates it, and reports who can read it. */
import { migrate, openDatabase, openPool } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { statements } from '../../../src/collectors/statements/collector.ts';
import { createStatementTexts } from '../../../src/collectors/statements/texts.ts';
import type { MetricsEvent } from '../../../src/events.ts';
import { enableStatements } from '../../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const { primaryUrl, replicaUrl, drop } = await stack.database({ template: 'metrics' });
const db = await openDatabase({ primaryUrl, applicationName: 'statements' });
t.teardown(async () => {
  await replica.close();
  await db.close();
  await drop();
});
const { admin } = db.pools;
const events: MetricsEvent[] = [];
const replica = openPool({ url: replicaUrl, name: 'replica1', applicationName: 'statements' });
const collector = statements(
  { admin: () => admin, replicas: [replica], poolStats: () => [], close: async () => undefined },
  (event) => events.push(event),
  [replica],
);
const asAnon = (text: string) => db.read({ identity: { role: 'anon', claims: '{}' }, statement: { text } });

t.test('does not create the extension, and says how to create it', async (t) => {
  await t.rejects(collector.collect(), { code: 'METRICS_STATEMENTS_UNAVAILABLE', hint: /tidemark statements enable/ });
  t.same(await admin.query("select from pg_extension where extname = 'pg_stat_statements'"), []);
});

t.test('warns once when API roles can read the extension in an exposed schema', async (t) => {
  await admin.query('create extension pg_stat_statements schema public');
  await collector.collect();
  await collector.collect();
  t.same(events, [{ type: 'metrics.statements_exposed', schema: 'public', readers: ['anon', 'authenticated'] }]);
  t.ok((await asAnon('select query from public.pg_stat_statements limit 1')).rows.length, 'so they can');
});

t.test('statements.sql moves the extension to a schema that API roles cannot read', async (t) => {
  events.length = 0;
  await enableStatements(primaryUrl);
  await enableStatements(primaryUrl);
  t.ok((await collector.collect()).within(900).statements.length > 0);
  t.same(events, []);
  await t.rejects(asAnon('select query from tidemark_statistics.pg_stat_statements'), { code: '42501' });
  await admin.query('grant usage on schema tidemark_statistics to anon');
  await t.rejects(asAnon('select query from tidemark_statistics.pg_stat_statements'), { code: '42501' });
  await t.rejects(asAnon('select * from tidemark_statistics.pg_stat_statements(true)'), { code: '42501' });
  await admin.query('revoke usage on schema tidemark_statistics from anon');
});

t.test(
  'counts what primary and replica ran since the previous reading, and joins it with our statements',
  async (t) => {
    await admin.query('create table public.counted (i int, word text)');
    await collector.collect();
    const text = "select word from public.counted where i = $1 and word <> 'geheim' and i is not null limit 5";
    for (let i = 0; i < 3; i++) await admin.query(text, [i]);
    await until(async () => {
      const [row] = await replica.query("select to_regclass('public.counted') is not null as there");
      return row?.there;
    }, 'the replica has the table');
    await replica.query(text, [1]);
    const counted = async () => {
      const { within } = await collector.collect();
      return within(900).statements.find(({ text }) => text.includes('from public.counted'));
    };
    const first = await counted();
    t.match(first, {
      relation: 'public.counted',
      calls: 4,
      servers: ['primary', 'replica1'],
      own: false,
      toplevel: true,
    });
    t.notMatch(first?.text, /geheim/);
    const ours = db.statements(50).find((one) => one.text.includes('from public.counted'));
    t.ok(ours?.shape);
    t.equal(first?.shape, ours?.shape, 'the statement of pg_stat_statements and ours are one');

    // A reset of this database's entries makes them begin again; nothing is lost or counted twice.
    await admin.query(
      'select tidemark_statistics.pg_stat_statements_reset(0, (select oid from pg_database where datname = current_database()), 0)',
    );
    for (let i = 0; i < 5; i++) await admin.query(text, [i]);
    t.equal((await counted())?.calls, 9);
  },
);

t.test('the statements of the service itself are a group of their own', async (t) => {
  const { statements } = (await collector.collect()).within(900);
  const own = statements.filter(({ own }) => own);
  t.ok(own.some(({ text }) => text.includes('pg_stat_statements(')));
  t.notOk(statements.some(({ own, text }) => !own && text.includes('pg_stat_statements(')));
  t.notOk(own.some(({ text }) => text.includes('public.counted where')));
});

t.test('a text is fetched once', async (t) => {
  const texts = createStatementTexts();
  const asked: string[] = [];
  const counting = {
    ...admin,
    query: (text: string, ...more: []) => {
      asked.push(text);
      return admin.query(text, ...more);
    },
  } as unknown as typeof admin;
  const { statements } = (await collector.collect()).within(900);
  const ids = statements.map(({ id }) => id);
  await texts.fetch(counting, 'tidemark_statistics', ids, {});
  // Those that only the replica ran have their texts there.
  const found = ids.filter((id) => texts.get(id));
  t.ok(found.length > 0);
  await texts.fetch(counting, 'tidemark_statistics', found, {});
  t.equal(asked.length, 1);
});

t.test('a replica that does not answer is named, and the primary is read', async (t) => {
  const away = openPool({
    url: 'postgres://nobody@127.0.0.1:9/none',
    name: 'replica1',
    applicationName: 'statements',
    options: { acquireTimeoutMs: 200 },
  });
  t.teardown(() => away.close());
  const alone = statements({
    admin: () => admin,
    replicas: [away],
    poolStats: () => [],
    close: async () => undefined,
  }, () => {}, [away]);
  await alone.collect();
  await admin.query('select count(*) from public.counted');
  const { within, silent } = await alone.collect();
  t.match(silent, [{ server: 'replica1', reason: String }]);
  t.ok(within(900).statements.some(({ text }) => text.includes('from public.counted')));
});
