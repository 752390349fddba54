/**
 * Writers change rows at random; clients of every kind (filters, rights, modes, windows, event streams) connect, drop, resume,
 * start again and refresh their tokens. In the end, each client's rows must equal those of the database. The same
 * with 200 clients is `live-checker` in the fault lab (packages/bench).
 */

import { until } from '@tidemark/testing';
import {
  as,
  changeThings,
  claimsOf,
  type Guise,
  ModelClient,
  population,
  type Row,
  random,
  rowsText,
  TABLES,
  thingsTables,
} from '@tidemark/testing/live-checker';
import pg from 'pg';
import t from 'tap';
import { startTestRealtime, type TestRealtime, token } from '../test-realtime.ts';

const RUN_MS = 4_000;
const WRITERS = 4;
const CLIENTS = 20;

async function write(
  service: TestRealtime,
  next: () => number,
  isOver: () => boolean,
  tables: readonly string[],
): Promise<number> {
  // A deadlock between the writers is resolved soon, and rolls one of them back, as it should.
  const client = new pg.Client({ connectionString: service.database.primaryUrl, options: '-c deadlock_timeout=10ms' });
  await client.connect();
  let count = 0;
  while (!isOver()) {
    await client.query(changeThings(next, tables)).catch(() => client.query('rollback'));
    count += 1;
  }
  await client.end();
  return count;
}

/** Returns the result of a SELECT under the rights of the client. */
async function stored(service: TestRealtime, { user, select, window }: Guise): Promise<string> {
  const results = (await service.results(as(user, select))) as { row?: Row }[][];
  return rowsText(
    results.flat().flatMap(({ row }) => (row ? [row] : [])),
    window,
  );
}

for (const identity of ['full', 'default'] as const) {
  t.test(`every client ends equal to the database, replica identity ${identity}`, async (t) => {
    const service = await startTestRealtime(thingsTables(identity), { LIVE_BATCH_ABOVE: '300' });
    t.teardown(() => service.stop());
    // The one takes its snapshots from the replica, the other from the primary, and reads older changes from JetStream.
    const other = await service.another({ RING_BYTES: '65536', DATABASE_REPLICA_URLS: '' });
    const seed = Number(process.env.CHECKER_SEED ?? Date.now() % 1_000_000);
    t.comment(`CHECKER_SEED=${seed}`);
    const next = random(seed);
    // Row-level security is decided on whole rows: without them, a change is a resync.
    const tables = TABLES.filter(({ users }) => identity === 'full' || !users).map(({ name }) => name);
    const guises = population(CLIENTS, next).filter(({ query }) => tables.includes(query.split('?')[0] as string));
    const clients = guises.map(({ query, mode, window, transport, user, mayShow }, n) => {
      const url = n % 2 ? service.url : other.url;
      return new ModelClient({
        query,
        mode,
        window,
        transport,
        mayShow,
        url: () => url,
        // Snapshots of the replica, on a machine where the relay lags.
        mayRepeat: url === service.url,
        ...(user ? { token: () => token(claimsOf(user)) } : {}),
      });
    });
    t.teardown(() => {
      for (const client of clients) client.stop();
    });
    const total = (count: (client: ModelClient) => number) => clients.reduce((sum, one) => sum + count(one), 0);
    const begun = () => total(({ resumes, snapshots }) => resumes + snapshots);
    const end = Date.now() + RUN_MS;
    // However slow the machine, enough has happened.
    const isOver = () => Date.now() > end && begun() > 20;
    for (const client of clients) client.start();
    const writers = Array.from({ length: WRITERS }, (_, n) => write(service, random(seed + n + 1), isOver, tables));
    const dropping = (async () => {
      while (!isOver()) {
        for (const client of clients) {
          if (next() < 0.06) client.drop(next() < 0.5);
          else if (next() < 0.02) await client.refresh();
        }
        await new Promise((resolve) => setTimeout(resolve, next() * 20));
      }
    })();
    const written = (await Promise.all(writers)).reduce((a, b) => a + b, 0);
    await dropping;

    for (const [n, client] of clients.entries()) {
      const guise = guises[n] as Guise;
      const wanted = await stored(service, guise);
      await until(
        () => client.text() === wanted,
        () => `client ${guise.name}: has ${client.text()}, wanted ${wanted}`,
      ).catch((error) => t.fail(error.message));
      t.equal(client.text(), wanted, guise.name);
    }
    const resumes = total((client) => client.resumes);
    const snapshots = total((client) => client.snapshots);
    t.comment(
      `${written} transactions, ${snapshots} snapshots, ${resumes} resumes, resyncs: ${JSON.stringify(clients.flatMap((one) => one.resyncs))}`,
    );
    t.same(
      clients.flatMap(({ leaks }) => leaks),
      [],
      'nothing that is hidden',
    );
    // Without whole old rows, some changes are told to more clients than they concern (PROTOCOL.md).
    if (identity === 'full') {
      t.same(
        clients.flatMap(({ surprises }) => surprises),
        [],
        'nothing twice, nothing missed',
      );
    }
    t.ok(written > 50);
    for (const client of clients) client.stop();
    await other.stop();
  });
}
