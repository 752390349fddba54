/** NATS and the primary are killed under writers, on a stack of this test's own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { migrate } from '@tidemark/db';
import { startStack } from '@tidemark/local-stack';
import { runPhases } from '@tidemark/service';
import { until } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { start } from '../src/start.ts';
import { LiveClient } from './live-client.ts';
import { MATCHES, SECRET } from './test-realtime.ts';

t.test('loses nothing when NATS and the primary are killed while rows are written', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'tidemark-faults-'));
  const stack = await startStack({ home, durable: false });
  t.teardown(async () => {
    await stack.stop();
    rmSync(home, { recursive: true, force: true });
  });
  const { primary, nats } = stack;
  await migrate(primary.url);
  await primary.query(MATCHES);
  const running = await start({
    PORT: '0',
    LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
    DATABASE_URL: primary.url,
    DATABASE_REPLICA_URLS: stack.replicas[0]?.url,
    NATS_URL: nats.url,
    JWT_SECRET: SECRET,
  });
  t.teardown(() => runPhases(running.phases, () => {}));
  const { realtime } = running;
  const ready = () => until(async () => (await realtime.health.problems()).length === 0, 'the service to be ready');
  await ready();

  let rows = new Map<number, number>();
  const resyncs: string[] = [];
  const client = await new LiveClient(running.url.replace('http', 'ws')).open();
  let topic = await client.subscribe('s', 'commentary', { snapshot: true });
  let read = client.frames.length;
  async function take(): Promise<void> {
    while (read < client.frames.length) {
      const frame = client.frames[read];
      read += 1;
      if (frame?.topic !== topic) continue;
      if (frame.op === 'snapshot') for (const row of frame.rows) rows.set(Number(row.id), Number(row.minute));
      if (frame.op === 'changes')
        for (const { row } of frame.changes) if (row) rows.set(Number(row.id), Number(row.minute));
      if (frame.op === 'resync') {
        resyncs.push(frame.reason);
        rows = new Map();
        await ready();
        read = client.frames.length;
        topic = await client.subscribe('s', 'commentary', { snapshot: true });
      }
    }
  }
  async function isEqual(what: string): Promise<void> {
    await until(
      async () => {
        await take();
        const stored = await primary.query<{ id: string; minute: number }>('select id, minute from commentary');
        return stored.length === rows.size && stored.every(({ id, minute }) => rows.get(Number(id)) === minute);
      },
      () => `the client to have it all after ${what}; it has ${rows.size}, ${JSON.stringify(realtime.relay?.stats())}`,
    );
    t.pass(what);
  }

  let writing = true;
  const writer = (async () => {
    let minute = 0;
    let sql: pg.Client | undefined;
    while (writing) {
      minute += 1;
      try {
        if (!sql) {
          sql = new pg.Client({ connectionString: primary.url });
          // The server is stopped under this connection.
          sql.on('error', () => {});
          await sql.connect();
        }
        await sql.query('insert into commentary (match_id, minute) values (1, $1), (2, $1)', [minute]);
      } catch {
        sql = undefined;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    await sql?.end();
  })();

  const pause = () => new Promise((resolve) => setTimeout(resolve, 300));
  await pause();
  await nats.stop('immediate');
  await pause();
  await nats.start();
  await ready();
  await pause();
  await primary.stop('immediate');
  await pause();
  await primary.start();
  await ready();
  await pause();
  writing = false;
  await writer;
  await isEqual('NATS and the primary were killed');
  t.comment(`${rows.size} rows, resyncs: ${JSON.stringify(resyncs)}`);
  t.ok(rows.size > 20);
  await client.close();
});
