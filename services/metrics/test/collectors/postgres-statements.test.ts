/** pg_stat_statements shows the statements of all users, so the service never creates it, and reports who can read it. */
import { migrate, openDatabase } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import t from 'tap';
import { statements } from '../../src/collectors/postgres-statements.ts';
import type { MetricsEvent } from '../../src/events.ts';
import { enableStatements } from '../metrics-fixture.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const { primaryUrl, drop } = await stack.database({ template: 'metrics' });
const db = await openDatabase({ primaryUrl, applicationName: 'statements' });
t.teardown(async () => {
  await db.close();
  await drop();
});
const { admin } = db.pools;
const events: MetricsEvent[] = [];
const collector = statements({ admin: () => admin, poolStats: () => [], close: async () => undefined }, (event) =>
  events.push(event),
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
  t.ok((await collector.collect()).statements.length > 0);
  t.same(events, []);
  await t.rejects(asAnon('select query from tidemark_statistics.pg_stat_statements'), { code: '42501' });
  await admin.query('grant usage on schema tidemark_statistics to anon');
  await t.rejects(asAnon('select query from tidemark_statistics.pg_stat_statements'), { code: '42501' });
  await t.rejects(asAnon('select * from tidemark_statistics.pg_stat_statements(true)'), { code: '42501' });
  await admin.query('revoke usage on schema tidemark_statistics from anon');
});
