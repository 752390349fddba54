/** Tests subscriptions while snapshots and changes are not at the same place, on stacks of their own. */
import { migrate } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { runPhases } from '@tidemark/service';
import { METRICS_ENV, metricsPage, until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { start } from '../../src/start.ts';
import { LiveClient } from '../live-client.ts';
import { MATCHES, SECRET } from '../test-realtime.ts';

async function startStack(t: Test) {
  const stack = await startTemporaryStack({ replica: false });
  t.teardown(() => stack.stop());
  const { primary, nats } = stack;
  await migrate(primary.url);
  await primary.query(MATCHES);
  await primary.query('insert into commentary (match_id, minute) values (1, 0), (2, 0)');
  const running = await start({
    PORT: '0',
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    DATABASE_URL: primary.url,
    NATS_URL: nats.url,
    JWT_SECRET: SECRET,
    ...METRICS_ENV,
  });
  t.teardown(() => runPhases(running.phases, () => {}));
  await until(async () => (await running.realtime.health.problems()).length === 0, 'the service to be ready');
  /** Frames that were observed on their way from commit to socket. */
  const deliveries = async () => {
    const text = await metricsPage(running.url);
    return Number(/^tidemark_delivery_seconds_count\S* (\d+)/m.exec(text)?.[1]);
  };
  return { primary, nats, deliveries, connect: () => new LiveClient(running.url.replace('http', 'ws')).open() };
}

const QUERY = 'commentary?select=id,minute&match_id=in.(1,2)';
const snapshotOf = (client: LiveClient, topic: number) =>
  client.frame((frame) => frame.op === 'snapshot' && frame.topic === topic);

async function placeOf(client: LiveClient, topic: number): Promise<string> {
  const find = () => client.places.find((frame) => frame.topic === topic)?.position;
  await until(() => find() !== undefined, 'the position to come');
  return find() as string;
}

t.test('gives a snapshot that is ahead of the changes a position once they have reached it', async (t) => {
  const { primary, nats, connect } = await startStack(t);
  const [client, other] = [await connect(), await connect()];
  // The facts of the table are loaded before the relay stops.
  await client.subscribe('before', `${QUERY}&minute=lt.0`, { snapshot: true });
  await nats.pause();
  let topic: number;
  try {
    for (const minute of [1, 2, 3]) await primary.query(`update commentary set minute = ${minute}`);
    topic = await client.subscribe('s', QUERY, { snapshot: true });
    await other.subscribe('s', QUERY, { snapshot: true });
  } finally {
    nats.resume();
  }
  const snapshot = await snapshotOf(client, topic);
  t.match(snapshot.rows, [{ minute: 3 }, { minute: 3 }], 'the rows come at once');
  t.equal(snapshot.position, undefined, 'the changes have not come as far, so there is no position to resume from');
  t.match(snapshot.tidemark, /^\w+-[0-9A-F]{16}$/, 'only that no row is newer');
  t.same((await snapshotOf(other, topic)).tidemark, snapshot.tidemark, 'whoever else asks shares it');

  const position = await placeOf(client, topic);
  t.equal(position, `${snapshot.tidemark}.FFFFFFFF`, 'the position is behind the snapshot');
  t.equal(await placeOf(other, topic), position);
  t.same(client.changes(topic), [], 'the changes up to there are in the snapshot');

  const resumed = await connect();
  await resumed.subscribe('s', QUERY, { after: position });
  await primary.query('update commentary set minute = 4 where match_id = 1');
  for (const one of [client, other, resumed]) {
    await one.change(({ row }) => row?.minute === 4);
    t.equal(one.changes().length, 1, 'what comes behind it comes once');
  }
  await Promise.all([client, other, resumed].map((one) => one.close()));
});

t.test('completes a snapshot that lacks a transaction before one that it has', async (t) => {
  const { primary, connect } = await startStack(t);
  const client = await connect();
  await client.subscribe('all', 'commentary', { snapshot: true });
  // A commit that waits for a standby is in the WAL, and not visible yet.
  await primary.query(`alter system set synchronous_standby_names = 'nobody'`);
  await primary.query('select pg_reload_conf()');
  const lacking = primary.query('update commentary set minute = 1 where match_id = 1');
  await client.change(({ row }) => row?.minute === 1);
  await primary.query('set synchronous_commit = local; update commentary set minute = 2 where match_id = 2');
  await client.change(({ row }) => row?.minute === 2);

  const other = await connect();
  const topic = await other.subscribe('s', QUERY, { snapshot: true });
  const snapshot = await snapshotOf(other, topic);
  t.same(
    snapshot.rows.map(({ minute }: { minute: number }) => minute).sort(),
    [0, 2],
    'the later one is in it, the earlier one is not',
  );
  t.equal(snapshot.position, undefined);
  const position = await placeOf(other, topic);
  const parts = other.frames.filter((frame) => frame.op === 'changes');
  t.match(parts, [{ more: true, changes: [{ type: 'update', row: { minute: 1 } }] }], 'the earlier one follows');
  t.equal(parts[0]?.position, undefined, 'and is no place to resume from');

  await primary.query('alter system reset synchronous_standby_names');
  await primary.query('select pg_reload_conf()');
  await lacking;
  const resumed = await connect();
  await resumed.subscribe('s', QUERY, { after: position });
  await primary.query('update commentary set minute = 3 where match_id = 1');
  await resumed.change(({ row }) => row?.minute === 3);
  t.equal(resumed.changes().length, 1, 'whoever resumes behind it gets neither again');
  await Promise.all([client, other, resumed].map((one) => one.close()));
});

t.test('counts a change that arrives while a snapshot waits for its position', async (t) => {
  const { primary, nats, deliveries, connect } = await startStack(t);
  const client = await connect();
  await client.subscribe('before', `${QUERY}&minute=lt.0`, { snapshot: true });
  const before = await deliveries();
  await nats.pause();
  try {
    await primary.query('update commentary set minute = 1');
    await client.subscribe('s', QUERY, { snapshot: true });
    await primary.query('update commentary set minute = 2 where match_id = 1');
  } finally {
    nats.resume();
  }
  await client.change(({ row }) => row?.minute === 2);
  t.ok((await deliveries()) > before);
  await client.close();
});
