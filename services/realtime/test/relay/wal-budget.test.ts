/** A slot that keeps too much WAL raises an alert and is then dropped; subscribers resync in a new epoch. */
import { connectBus } from '@tidemark/bus';
import { Alert } from '@tidemark/contracts';
import { until, useTestStack } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { judgeBudget } from '../../src/relay/wal-budget.ts';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime } from '../test-realtime.ts';

const MIB = 1024 ** 2;

t.test('uses the smaller of its own budget and the server’s', async (t) => {
  const level = (retainedBytes: number | null, serverLimitBytes: number | null) =>
    judgeBudget({ retainedBytes, serverLimitBytes, active: true }, 100 * MIB).level;
  t.equal(level(79 * MIB, null), 'ok');
  t.equal(level(80 * MIB, null), 'high');
  t.equal(level(100 * MIB, null), 'over');
  t.equal(level(39 * MIB, 50 * MIB), 'ok');
  t.equal(level(40 * MIB, 50 * MIB), 'high');
  t.equal(level(50 * MIB, 50 * MIB), 'over');
  t.equal(level(null, null), 'ok', 'what the server has removed already is not kept');
  t.equal(judgeBudget(undefined, 100).level, 'ok');
});

t.test('the slot', async (t) => {
  const service = await startTestRealtime(undefined, { RELAY_WAL_BUDGET_BYTES: String(16 * MIB) });
  t.teardown(() => service.stop());
  const stack = await useTestStack();
  const bus = await connectBus({ url: stack.natsUrl, name: 'alerts', prefix: service.prefix });
  t.teardown(() => bus.close());
  const alerts: Alert[] = [];
  bus.subscribe<Alert>(bus.subjects.alerts('critical'), (alert) => alerts.push(alert), { schema: Alert });
  await bus.flush();
  const slots = () =>
    service.sql(`select slot_name, failover from pg_replication_slots where database = current_database()`);
  t.match(await slots(), [{ failover: true }], 'a standby may keep a copy of it');

  const client = await new LiveClient(service.url).open();
  await client.subscribe('s', 'commentary');
  // An open transaction keeps the slot where it is, however quick the relay.
  const holder = new pg.Client(service.database.primaryUrl);
  await holder.connect();
  await holder.query('begin; insert into commentary (match_id) values (0)');
  await service.sql(
    `select pg_logical_emit_message(false, 'ballast', repeat('x', 1000000)) from generate_series(1, 18)`,
  );
  await until(() => alerts.length > 0, 'the alert');
  t.match(alerts[0], { key: /relay wal/, message: /keeps \d+ MiB of WAL, of 16 MiB/, resolved: false });
  await holder.query('rollback');
  await holder.end();

  await client.frame((frame) => frame.op === 'resync');
  const [last] = await service.sql(`select reason from tidemark.epochs order by epoch desc limit 1`);
  t.match(last, { reason: 'the slot kept more WAL than its budget' });
  await until(async () => (await service.realtime.health.problems()).length === 0, 'the service to be ready');
  await until(async () => (await service.realtime.health.warnings()).length === 0, 'the warning to be over');
  await client.subscribe('s', 'commentary', { snapshot: true });
  await service.sql('insert into commentary (match_id) values (2)');
  await client.change((change) => change.row?.match_id === 2);
  t.match(await slots(), [{ failover: true }], 'there is one slot again');
  await client.close();
});
