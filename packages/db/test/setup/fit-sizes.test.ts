/** Tests that pools without configured sizes fit the server, also when many instances start together. */
import { startTemporaryStack } from '@tidemark/local-stack';
import fc from 'fast-check';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import type { Database } from '../../src/database-types.ts';
import type { DbEvent } from '../../src/events.ts';
import { fitPools } from '../../src/setup/fit-sizes.ts';
import { migrate } from '../../src/setup/migrate.ts';

const WANTED = { write: 20, analytics: 10, admin: 5 };
const sum = (sizes: object) => Object.values(sizes).reduce((total: number, size) => total + size, 0);

t.test('takes at most half of what is free, no less than a minimum, and never more than wanted', async (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -50, max: 1_000 }), (free) => {
      const sizes = fitPools(WANTED, new Set(), free);
      for (const kind of ['write', 'analytics', 'admin'] as const) {
        if ((sizes[kind] as number) > WANTED[kind] || (sizes[kind] as number) < 1) return false;
      }
      return sum(sizes) + 1 <= Math.max(free / 2, 2 + 1 + 1 + 1);
    }),
  );
  t.same(fitPools(WANTED, new Set(), 97), WANTED, 'the first one on an ordinary server has all');
  t.same(fitPools(WANTED, new Set(), undefined), WANTED, 'what is not known shrinks nothing');
  t.same(fitPools(WANTED, new Set(['write']), 20), { write: 20, analytics: 1, admin: 1 }, 'what was set stays');
});

t.test('ten instances that start together fit on the server, and report the shrunk pools', async (t) => {
  const stack = await startTemporaryStack({ nats: false, replica: false });
  t.teardown(() => stack.stop());
  const { url } = stack.primary;
  await migrate(url);
  const events: DbEvent[] = [];
  const observe = (event: DbEvent) => void events.push(event);
  const open = (n: number): Promise<Database> =>
    openDatabase({ primaryUrl: url, applicationName: `instance ${n}`, observe });
  const all = await Promise.all(Array.from({ length: 8 }, (_, n) => open(n)));
  t.teardown(() => Promise.all(all.map((database) => database.close())));

  const [first] = all as [Database];
  const [row] = await first.pools.admin.query<{ available: number }>(
    `select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as available`,
  );
  const sizes = all.map((database) => sum(database.poolStats().map(({ max }) => max)) + 1);
  t.ok(sum(sizes) <= (row?.available as number), `${sum(sizes)} of ${row?.available}`);
  for (const size of sizes) t.ok(size >= 5);
  const shrunk = events.filter(({ type }) => type === 'db.pools_shrunk');
  t.ok(shrunk.length > 0 && shrunk.length < 8, `${shrunk.length} shrank`);
  t.notOk(events.some(({ type }) => type === 'db.too_few_connections'));
});
