import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { natsRequest } from '../src/nats-request.ts';
import { startStack } from '../src/stack.ts';
import { temporaryHome } from '../src/temporary-home.ts';
import { processesUnder } from './another-process.ts';

t.test('a stack replicates, stops without a trace, and has its data at the next start', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const progress: string[] = [];
  const first = await startStack({ home: home.path, onProgress: (line) => progress.push(line) });
  t.match(progress.join('\n'), /making a new Postgres 18/);
  await first.primary.query('create table tide (level int); insert into tide values (7)');
  await first.replicas[0]!.caughtUp();
  t.same(await first.replicas[0]!.query('select level, pg_is_in_recovery() as standby from tide'), [
    { level: 7, standby: true },
  ]);
  const [settings] = await first.primary.query(`select current_setting('wal_level') as wal,
    current_setting('shared_preload_libraries') as preload, current_setting('fsync') as fsync,
    current_setting('timezone') as zone, current_setting('track_io_timing') as io,
    (select datlocale from pg_database where datname = 'postgres') as locale, current_setting('server_encoding') as encoding,
    to_tsvector('simple', 'Überfluß') @@ to_tsquery('simple', 'überfluß') as words`);
  t.same(settings, {
    wal: 'logical',
    preload: 'pg_stat_statements',
    fsync: 'on',
    zone: 'UTC',
    io: 'on',
    locale: 'C.UTF-8',
    encoding: 'UTF8',
    words: true,
  });
  const jetstream = await first.nats.request('$JS.API.INFO');
  t.match(jetstream, { streams: 0 });
  const conf = readFileSync(join(home.path, 'nats', 'nats.conf'), 'utf8');
  t.match(conf, /max_memory_store: 268435456\n {2}max_file_store: 8589934592/);
  t.notMatch(conf, /^http/m, 'it has no monitoring port');
  for (const file of ['nats-passwords.json', 'nats/nats.conf']) {
    t.equal(statSync(join(home.path, file)).mode & 0o777, 0o600, `${file} is for its owner alone`);
  }
  t.equal(statSync(join(home.path, 'postgres-passwords.json')).mode & 0o777, 0o600);
  await t.rejects(natsRequest(first.nats.url.replace('127.0.0.1', '127.0.0.2'), '$JS.API.INFO'), {
    code: 'ECONNREFUSED',
  });
  await t.rejects(
    natsRequest(first.nats.address, '$JS.API.INFO'),
    /Authorization Violation/,
    'a client without credentials gets nothing',
  );

  await first.primary.query('insert into tide select generate_series(1, 20000)');
  const [written] = await first.primary.query<{ lsn: string }>('select pg_current_wal_lsn()::text as lsn');
  await first.stop();
  await first.stop();
  t.same(processesUnder(home.path), []);

  const begun = performance.now();
  const second = await startStack({ home: home.path });
  t.teardown(() => second.stop());
  t.comment(`second start: ${Math.round(performance.now() - begun)} ms`);
  t.same(await second.replicas[0]!.query('select count(*)::int as rows from tide'), [{ rows: 20_001 }]);
  const [start] = await second.replicas[0]!.query<{ redo: string; isLater: boolean }>(
    `select redo_lsn::text as redo, redo_lsn >= '${written?.lsn}' as "isLater" from pg_control_checkpoint()`,
  );
  t.ok(start?.isLater, `the replica replays from ${start?.redo}, after what was written (${written?.lsn})`);
});

t.test('parts can be left out, and an error says so when they are used', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const stack = await startStack({ home: home.path, durable: false, postgres: false });
  t.teardown(() => stack.stop());
  t.match(stack.nats.address, /^nats:\/\/127\.0\.0\.1:\d+$/);
  t.throws(() => stack.primary, { code: 'STACK_NOT_RUNNING' });
  t.same(stack.replicas, []);
});

t.test('a connection needs the password', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const stack = await startStack({ home: home.path, durable: false, nats: false, replica: false });
  t.teardown(() => stack.stop());
  const { withClient } = await import('../src/postgres-node.ts');
  const wrong = stack.primary.url.replace(/:[0-9a-f]{48}@/, ':wrong@');
  await t.rejects(
    withClient(wrong, (sql) => sql`select 1`),
    { code: '28P01' },
  );
});

t.test('a lost password file is replaced, and the replica still follows', async (t) => {
  const { rmSync } = await import('node:fs');
  const home = temporaryHome();
  t.teardown(home.remove);
  const first = await startStack({ home: home.path, durable: false, nats: false });
  await first.primary.query('create table kept (i int)');
  await first.stop();
  rmSync(join(home.path, 'postgres-passwords.json'));
  const second = await startStack({ home: home.path, durable: false, nats: false });
  t.teardown(() => second.stop());
  await second.primary.query('insert into kept values (1)');
  await second.replicas[0]!.caughtUp();
  t.same(await second.replicas[0]!.query('select i from kept'), [{ i: 1 }]);
});
