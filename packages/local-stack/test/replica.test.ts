import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { withClient } from '../src/postgres-node.ts';
import { startStack } from '../src/stack.ts';
import { temporaryHome } from '../src/temporary-home.ts';

const home = temporaryHome();
t.teardown(home.remove);
const progress: string[] = [];
const options = { home: home.path, durable: false, nats: false, onProgress: (line: string) => progress.push(line) };
let stack = await startStack(options);
t.teardown(() => stack.stop());
await stack.primary.query('create table t (i int)');

/** Stops the stack, does something to it, starts it, and proves that the replica follows. */
async function restarted(t: Test, change: () => void | Promise<void>): Promise<string> {
  await stack.stop();
  progress.length = 0;
  await change();
  stack = await startStack(options);
  const replica = stack.replicas[0]!;
  await stack.primary.query('insert into t values (1)');
  await replica.caughtUp();
  t.same(await replica.query('select count(*) from t'), await stack.primary.query('select count(*) from t'));
  return progress.join('\n');
}

t.test('a rebuild from the running primary, under writes, gives a true copy', async (t) => {
  const replica = stack.replicas[0]!;
  let stop = false;
  const writer = (async () => {
    while (!stop) await stack.primary.query('insert into t select generate_series(1, 1000)');
  })();
  await stack.primary.query('create database comes_and_goes');
  const dropped = stack.primary.query('drop database comes_and_goes');
  await replica.rebuild();
  await dropped;
  stop = true;
  await writer;
  await replica.caughtUp();
  const sum = 'select count(*), sum(i) from t';
  t.same(await replica.query(sum), await stack.primary.query(sum));
  const slots = await stack.primary.query(`select slot_name, active, wal_status from pg_replication_slots`);
  t.same(slots, [{ slot_name: 'tidemark_replica', active: true, wal_status: 'reserved' }]);
});

t.test('members of pg_monitor see no password of the replica in its settings', async (t) => {
  await stack.primary.query(`create role watcher login password 'w' in role pg_monitor`);
  const replica = stack.replicas[0]!;
  await replica.caughtUp();
  const url = new URL(replica.url);
  url.username = 'watcher';
  url.password = 'w';
  const shown = await withClient(
    url.href,
    (sql) => sql`select setting from pg_settings where name = 'primary_conninfo'`,
  );
  t.match(shown[0]?.setting, /user=tidemark_replicator/, 'they see the setting');
  t.notMatch(shown[0]?.setting, /password/);
  t.equal(statSync(join(home.path, 'replica', 'replicator.pgpass')).mode & 0o777, 0o600);
});

t.test('a replica whose WAL is gone is rebuilt at the next start', async (t) => {
  const said = await restarted(t, async () => {
    const alone = await startStack({ ...options, replica: false });
    await alone.primary.query(`select pg_drop_replication_slot('tidemark_replica')`);
    for (let i = 0; i < 3; i += 1) {
      await alone.primary.query('insert into t select generate_series(1, 1000)');
      await alone.primary.query('select pg_switch_wal()');
      await alone.primary.query('checkpoint');
    }
    await alone.stop();
  });
  t.match(said, /cannot follow \(requested WAL segment \S+ has already been removed\): rebuilding/);
});

t.test('a damaged replica is rebuilt: nothing is lost by it', async (t) => {
  const dataDir = stack.replicas[0]!.dataDir;
  t.match(await restarted(t, () => rmSync(join(dataDir, 'PG_VERSION'))), /made anew: .*PG_VERSION is missing/);
  const said = await restarted(t, () => writeFileSync(join(dataDir, 'global', 'pg_control'), Buffer.alloc(8192)));
  t.match(said, /made anew: it belongs to another primary/);
  t.match(await restarted(t, () => rmSync(join(dataDir, 'pg_xact'), { recursive: true })), /made anew: .*pg_xact/);
  const flipped = await restarted(t, () => flipByte(join(dataDir, 'global', 'pg_control'), 100));
  t.match(flipped, /cannot follow \(.*incorrect checksum in control file\): rebuilding/);
});

t.test('a promoted replica is kept aside, with what only it has', async (t) => {
  const replica = stack.replicas[0]!;
  await replica.promote();
  await replica.query('create table only_here (i int)');
  const said = await restarted(t, () => {});
  t.match(said, /promoted replica is kept in /);
  const parent = dirname(stack.replicas[0]!.dataDir);
  const kept = readdirSync(parent).find((name) => name.startsWith('replica.promoted-'));
  t.ok(kept && existsSync(join(parent, kept, 'PG_VERSION')));
});

function flipByte(file: string, position: number): void {
  const bytes = readFileSync(file);
  bytes[position] = bytes[position]! ^ 0xff;
  writeFileSync(file, bytes);
}
