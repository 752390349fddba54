import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import { withClient } from '../src/postgres-node.ts';
import type { UnexpectedExit } from '../src/server-process.ts';
import { startTemporaryStack } from '../src/temporary-stack.ts';
import { waitUntil } from '../src/wait-until.ts';
import { processesUnder } from './another-process.ts';

const exits: UnexpectedExit[] = [];
const stack = await startTemporaryStack({ onExit: (exit) => exits.push(exit) });
const { primary, nats } = stack;
const replica = stack.replicas[0]!;
t.teardown(() => stack.stop());
await primary.query('create table t (i int)');

t.test('the primary keeps its port after each way to stop it', async (t) => {
  for (const mode of ['smart', 'fast', 'immediate'] as const) {
    const { port, url } = primary;
    await primary.stop(mode);
    t.equal(primary.state, 'stopped');
    await t.rejects(primary.query('select 1'), `nobody answers after ${mode}`);
    await primary.start();
    t.equal(primary.port, port);
    t.equal(primary.url, url);
    await primary.query('insert into t values (1)');
    await replica.caughtUp();
  }
  await t.rejects(primary.start(), { code: 'STACK_ALREADY_RUNNING' });
});

t.test('restarts a primary that was killed with its backends', async (t) => {
  await primary.kill();
  t.same(processesUnder(primary.dataDir), []);
  await primary.start();
  await primary.query('insert into t values (2)');
  await replica.caughtUp();
  t.match(await replica.query('select max(i) from t'), [{ max: 2 }]);
  t.same(exits, [], 'what was asked for is not reported');
});

t.test('a crash that nobody asked for is reported, and start() works after it', async (t) => {
  process.kill(primary.pid!, 'SIGKILL'); // This ends the postmaster only; its backends are orphans for a moment.
  t.ok(await waitUntil(() => exits.length === 1, 10_000));
  t.match(exits[0], { what: 'Postgres primary', code: 137 });
  t.equal(primary.state, 'stopped');
  await primary.start();
  await replica.caughtUp();
});

t.test('a paused primary answers nobody, and a resumed one continues', async (t) => {
  await withClient(primary.url, async (sql) => {
    await sql`select 1`;
    await primary.pause();
    let answered = false;
    const answer = sql`select 7 as x`.then((rows) => {
      answered = true;
      return rows[0]?.x;
    });
    t.notOk(await waitUntil(() => answered, 300));
    primary.resume();
    t.equal(await answer, 7);
  });
  await primary.pause();
  await primary.stop();
  await primary.start();
});

t.test('the replica pauses and resumes replay', async (t) => {
  const [before] = await replica.query('select count(*)::int as n from t');
  await replica.pauseReplay();
  await primary.query('insert into t values (3)');
  await t.rejects(replica.caughtUp(0.2), { code: 'STACK_TIMED_OUT' });
  t.same(await replica.query('select count(*)::int as n from t'), [before]);
  await replica.resumeReplay();
  await replica.caughtUp();
  await replica.kill();
  await replica.start();
  await replica.caughtUp();
});

t.test('NATS keeps its streams after it was stopped, killed or paused', async (t) => {
  const health = () =>
    Promise.race([
      nats.request('$JS.API.INFO').then(
        () => true,
        () => false,
      ),
      setTimeout(300, false),
    ]);
  const { url } = nats;
  t.ok(await waitUntil(health, 5_000));
  await nats.pause();
  t.notOk(await health());
  nats.resume();
  t.ok(await waitUntil(health, 5_000));
  for (const end of [() => nats.stop(), () => nats.stop('immediate'), () => nats.kill()]) {
    await end();
    t.notOk(await health());
    await nats.start();
    t.equal(nats.url, url);
    t.ok(await waitUntil(health, 5_000));
  }
  t.throws(() => nats.resume(), { code: 'STACK_NOT_RUNNING' });
});
