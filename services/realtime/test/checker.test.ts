/**
 * Writers change rows at random; clients with random filters connect, drop, resume and start again. Whatever happens in
 * between, at the end each client's rows equal the database's.
 */
import pg from 'pg';
import t from 'tap';
import { changeThings, FILTERS, ModelClient, type Row, random, rowsText, thingsTable } from '../src/checker/index.ts';
import { startTestRealtime, type TestRealtime, waitFor } from './test-realtime.ts';

const RUN_MS = 4_000;
const WRITERS = 4;
const CLIENTS = 10;

async function write(service: TestRealtime, next: () => number, until: number): Promise<number> {
  // A deadlock between the writers is resolved soon, and rolls one of them back, as it should.
  const client = new pg.Client({ connectionString: service.database.primaryUrl, options: '-c deadlock_timeout=10ms' });
  await client.connect();
  let count = 0;
  while (Date.now() < until) {
    await client.query(changeThings(next)).catch(() => client.query('rollback'));
    count += 1;
  }
  await client.end();
  return count;
}

const filterOf = (n: number) => FILTERS[n % FILTERS.length] as [query: string, where: string];

for (const identity of ['full', 'default'] as const) {
  t.test(`every client ends equal to the database, replica identity ${identity}`, async (t) => {
    const service = await startTestRealtime(thingsTable(identity), { LIVE_BATCH_ABOVE: '300' });
    t.teardown(() => service.stop());
    // The one takes its snapshots from the replica, the other from the primary, and reads older changes from JetStream.
    const other = await service.another({ RING_BYTES: '65536', DATABASE_REPLICA_URLS: '' });
    const seed = Number(process.env.CHECKER_SEED ?? Date.now() % 1_000_000);
    t.comment(`CHECKER_SEED=${seed}`);
    const next = random(seed);
    const until = Date.now() + RUN_MS;
    const writers = Array.from({ length: WRITERS }, (_, n) => write(service, random(seed + n + 1), until));
    const clients = Array.from({ length: CLIENTS }, (_, n) => {
      const url = n % 2 ? service.url : other.url;
      return new ModelClient({ url: () => url, query: `things?${filterOf(n)[0]}` });
    });
    t.teardown(() => {
      for (const client of clients) client.stop();
    });
    for (const client of clients) client.start();
    const dropping = (async () => {
      while (Date.now() < until) {
        for (const client of clients) if (next() < 0.08) client.drop(next() < 0.5);
        await new Promise((resolve) => setTimeout(resolve, next() * 20));
      }
    })();
    const written = (await Promise.all(writers)).reduce((a, b) => a + b, 0);
    await dropping;

    for (const [n, client] of clients.entries()) {
      const [query, where] = filterOf(n);
      const stored = await service.sql<{ row: Row }>(`select to_jsonb(t) as row from things t where ${where}`);
      const wanted = rowsText(stored.map(({ row }) => row));
      const has = () => rowsText(client.rows.values());
      await waitFor(
        () => has() === wanted,
        () => `client ${n} (${query}): has ${has()}, wanted ${wanted}`,
      ).catch((error) => t.fail(error.message));
      t.equal(has(), wanted, query);
    }
    const total = (count: (client: ModelClient) => number) => clients.reduce((sum, one) => sum + count(one), 0);
    const resumes = total((client) => client.resumes);
    const snapshots = total((client) => client.snapshots);
    t.comment(
      `${written} transactions, ${snapshots} snapshots, ${resumes} resumes, resyncs: ${JSON.stringify(clients.flatMap((one) => one.resyncs))}`,
    );
    // Without whole old rows, some changes are told to more clients than they concern (PROTOCOL.md).
    if (identity === 'full') {
      t.same(
        clients.flatMap(({ surprises }) => surprises),
        [],
        'nothing twice, nothing missed',
      );
    }
    t.ok(written > 50 && resumes + snapshots > 20);
    for (const client of clients) client.stop();
    await other.stop();
  });
}
