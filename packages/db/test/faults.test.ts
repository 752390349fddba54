import { until } from '@tidemark/testing';
import t from 'tap';
import type { Database } from '../src/database-types.ts';
import { as, openOwnDatabase, openTestDatabase } from './open-test-database.ts';

const uncaught: unknown[] = [];
process.on('uncaughtException', (error) => uncaught.push(error));
process.on('unhandledRejection', (error) => uncaught.push(error));
t.teardown(() => {
  if (uncaught.length > 0) throw new Error('uncaught', { cause: uncaught[0] });
});

const insert = (body: string) => ({ text: "insert into notes (owner, body) values ('a', $1)", params: [body] });

async function terminateAll(db: Database): Promise<void> {
  await db.pools.admin
    .query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and application_name not like '%/watcher'`,
    )
    // An earlier call may have ended the connection of this one.
    .catch(() => undefined);
}

t.test(
  'settles every request and loses no acknowledged write when all backends are terminated three times',
  async (t) => {
    const { db } = await openTestDatabase(t);
    let isOver = false;
    const acknowledged: string[] = [];
    const codes = new Map<string, number>();
    let slowest = 0;
    const client = async (c: number) => {
      for (let n = 0; !isOver; n++) {
        const body = `${c}:${n}`;
        const began = performance.now();
        try {
          if (n % 2 === 0) {
            await db.write({ identity: as('a'), statements: [insert(body)] });
            acknowledged.push(body);
          } else await db.read({ identity: as('a'), statement: { text: 'select count(*) from notes' } });
        } catch (error) {
          const { code } = error as { code: string };
          codes.set(code, (codes.get(code) ?? 0) + 1);
        }
        slowest = Math.max(slowest, performance.now() - began);
      }
    };
    const clients = Array.from({ length: 32 }, (_, c) => client(c));
    for (let round = 1; round <= 3; round++) {
      const from = acknowledged.length;
      await until(() => acknowledged.length > from + 100, 'progress');
      await terminateAll(db);
    }
    const after = acknowledged.length;
    await until(() => acknowledged.length > after + 300, 'progress after it');
    isOver = true;
    await Promise.all(clients);
    t.ok(slowest < 5_000, `the slowest took ${Math.round(slowest)} ms`);
    t.same(
      [...codes.keys()].filter((code) => code !== 'DB_CONNECTION_LOST' && code !== '57P01'),
      [],
      [...codes].join(' '),
    );
    const rows = await db.pools.write.query('select body from notes');
    const kept = new Set(rows.map(({ body }) => body));
    t.same(
      acknowledged.filter((body) => !kept.has(body)),
      [],
      `${acknowledged.length} acknowledged`,
    );
    t.equal(rows.length, kept.size, 'none twice');
    t.same(uncaught, []);
    t.ok(db.pools.write.stats().discardedTotal > 0);
  },
);

t.test('a lost connection fails only its own transaction and leaves no row', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 2 } } });
  const { write, admin } = db.pools;
  const neighbour = write.transaction(async (tx) => {
    await tx.query("insert into notes (owner, body) values ('a', 'neighbour')");
    await t.rejects(
      write.transaction(async (doomed) => {
        const [row] = await doomed.query('select pg_backend_pid() as pid');
        await doomed.query("insert into notes (owner, body) values ('a', 'doomed')");
        await admin.query('select pg_terminate_backend($1)', [row!.pid]);
        await until(() => write.stats().discardedTotal === 1, 'it is gone');
        await doomed.query("insert into notes (owner, body) values ('a', 'stray')");
      }),
      { code: 'DB_CONNECTION_LOST' },
    );
    await tx.query("insert into notes (owner, body) values ('a', 'neighbour')");
  });
  await neighbour;
  t.same(
    (await write.query('select body from notes')).map(({ body }) => body),
    ['neighbour', 'neighbour'],
  );
});

t.test(
  'ejects a replica that stops answering within two seconds, answers reads from the primary, and uses it again later',
  async (t) => {
    const { db, stack, events } = await openOwnDatabase(t);
    const statement = { text: 'select 1 as one' };
    const read = () => db.read({ identity: as('a'), statement });
    for (let i = 0; i < 30; i++) t.match(await read(), { source: 'replica' });
    const pids = (
      await stack.replicas[0]!.query<{ pid: number }>(
        "select pid from pg_stat_activity where application_name like 'test/%'",
      )
    ).map(({ pid }) => pid);
    t.ok(pids.length >= 2);
    // Its backends, the watcher's among them, stand still with their connections open: what a paused machine looks like.
    for (const pid of pids) process.kill(pid, 'SIGSTOP');
    const began = performance.now();
    const during = await Promise.all(Array.from({ length: 20 }, read));
    t.ok(performance.now() - began < 5_000, `answered after ${Math.round(performance.now() - began)} ms`);
    t.ok(during.every(({ rows }) => rows[0]!.one === 1));
    await until(() => events.some(({ type }) => type === 'db.replica_unhealthy'), 'it is left out');
    for (const pid of pids) process.kill(pid, 'SIGCONT');
    await until(() => db.replicaStats()[0]!.healthy, 'it is back');
    await until(async () => (await read()).source === 'replica', 'reads on it');
  },
);

t.test('a restart of the primary under load loses no acknowledged write, and errors end with it', async (t) => {
  const { db, stack } = await openOwnDatabase(t);
  let isOver = false;
  let n = 0;
  const acknowledged: string[] = [];
  const client = async () => {
    while (!isOver) {
      const body = String(n++);
      await db.write({ identity: as('a'), statements: [insert(body)] }).then(
        () => acknowledged.push(body),
        () => new Promise((resolve) => setTimeout(resolve, 20)),
      );
    }
  };
  const clients = Array.from({ length: 16 }, client);
  await until(() => acknowledged.length > 200, 'load');
  // The stack runs without fsync, for which a process's end is no crash: what was committed is in the kernel's cache.
  await stack.primary.stop('immediate');
  await until(() => db.problem() !== undefined, 'it is noticed');
  await stack.primary.start();
  const before = acknowledged.length;
  const began = performance.now();
  await until(() => acknowledged.length > before + 100, 'writes go on');
  t.ok(performance.now() - began < 5_000, `${Math.round(performance.now() - began)} ms after the restart`);
  isOver = true;
  await Promise.all(clients);
  await until(() => db.problem() === undefined, 'no problem');
  const kept = new Set((await db.pools.write.query('select body from notes')).map(({ body }) => body));
  t.same(
    acknowledged.filter((body) => !kept.has(body)),
    [],
    `${acknowledged.length} acknowledged`,
  );
  t.same(uncaught, []);
});
