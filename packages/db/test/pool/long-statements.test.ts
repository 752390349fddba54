/** Long statements leave connections to short ones: against a model, and on a real server. */
import { until } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import type { PooledConnection } from '../../src/connection/connection.ts';
import { Admission } from '../../src/pool/admission.ts';
import { poolOptions } from '../../src/pool/options.ts';
import { CLASSES, type LeaseClass } from '../../src/statements/run-times.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const newConnection = () => ({ rest: 'none', move: () => true }) as unknown as PooledConnection;

const KEYS = [undefined, 'a', 'b'];
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant('ask' as const),
      key: fc.constantFrom(...KEYS),
      leaseClass: fc.constantFrom(...CLASSES),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constantFrom('release' as const, 'overrun' as const), index: fc.nat(60) }),
  },
);

t.test('long leases are never more than their part, and nobody waits for a connection that he may have', async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 40 }),
    fc.array(step, { maxLength: 200 }),
    async (max, steps) => {
      const admission = new Admission(poolOptions('analytics', { max, waitingLimit: 1_000 }));
      for (let n = 0; n < max; n++) admission.offer(newConnection());
      const held: { key: string | undefined; leaseClass: LeaseClass; connection: PooledConnection }[] = [];
      const waiting: { leaseClass: LeaseClass; key: string | undefined }[] = [];
      const part = max < 4 ? 0 : Math.max(1, Math.floor(max / 5));
      let overran = 0;
      const never = () => new Error('the test ended first');
      const ask = (key: string | undefined, leaseClass: LeaseClass) => {
        const connection = admission.take('none', key, leaseClass);
        if (connection !== undefined) return void held.push({ key, leaseClass, connection });
        const waiter = { key, leaseClass };
        waiting.push(waiter);
        admission.wait({ key, ms: 30_000, timedOut: never }, leaseClass).then(
          (given) => {
            waiting.splice(waiting.indexOf(waiter), 1);
            held.push({ key, leaseClass, connection: given });
          },
          () => undefined,
        );
      };
      const release = (index: number) => {
        const [lease] = held.splice(index % held.length, 1);
        if (lease === undefined) return;
        admission.left(lease.key, lease.leaseClass);
        admission.offer(lease.connection);
      };
      const count = (leaseClass: LeaseClass) => held.filter((lease) => lease.leaseClass === leaseClass).length;
      for (const one of steps) {
        const before = count('long');
        if (one.what === 'ask') ask(one.key, one.leaseClass);
        else if (one.what === 'release') release(one.index);
        else {
          const lease = held[one.index % Math.max(1, held.length)];
          if (lease?.leaseClass === 'short') {
            lease.leaseClass = 'long';
            admission.becameLong();
            overran++;
          }
        }
        await settled();
        const long = count('long');
        if (admission.long.inUse !== long || admission.long.limit !== max - part) return false;
        // Leases that became long count as well, so only new ones are refused.
        if (one.what === 'ask' && long > before && long > max - part) return false;
        if (overran === 0 && long > max - part) return false;
        const mayLong = long < max - part;
        const owns = waiting.filter(({ key }) => key === undefined);
        if (admission.idle.length > 0 && owns.some(({ leaseClass }) => leaseClass === 'short' || mayLong)) return false;
      }
      while (held.length > 0) {
        release(0);
        await settled();
      }
      const { inUse, waiting: left } = admission.long;
      return waiting.length === 0 && admission.idle.length === max && inUse === 0 && left === 0;
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

t.test('long requests take four fifths of the waiting places, and short ones the rest', async (t) => {
  const pool = new Admission(poolOptions('analytics', { max: 4, waitingLimit: 50 }));
  const never = () => new Error('the test ended first');
  let places = 0;
  while (!pool.refuses(undefined, false, 'long')) {
    pool.wait({ key: undefined, ms: 30_000, timedOut: never }, 'long').catch(() => undefined);
    places++;
  }
  t.equal(places, 40);
  t.equal(pool.refuses(undefined, false, 'short'), false);
  pool.rejectAll(never);
});

t.test('inserts go on while 40 callers call a function of three seconds', async (t) => {
  const { db } = await openTestDatabase(t, { replica: false, pools: { write: { max: 10, waitingLimit: 100 } } });
  const { admin, write } = db.pools;
  await admin.query('create table public.written (id int)');
  await admin.query('grant insert on public.written to authenticated');
  await admin.query("create function public.slow() returns void language sql security definer as 'select pg_sleep(3)'");
  const identity = as('one');
  let ended = 0;
  const slow = () =>
    db.write({ identity, statements: [{ text: 'select public.slow()' }], holder: { route: 'POST /rpc/slow' } });
  const insert = () => db.write({ identity, statements: [{ text: 'insert into public.written values (1)' }] });
  await insert();
  const calls = Promise.allSettled(Array.from({ length: 40 }, () => slow().then(() => ended++)));
  await until(() => write.stats().long?.waiting !== 0, 'the function holds what it may have');
  for (let n = 0; n < 100; n++) await insert();
  t.equal(ended, 0, 'a hundred inserts are done before the first call has ended');
  const { long, longest, slots } = write.stats();
  t.match(long, { limit: 8, waiting: 31 }, 'nine of forty run: eight long ones, and the first, which was not known');
  t.equal(slots.busy, 9);
  t.match(longest, { route: 'POST /rpc/slow', statement: 'select public.slow()', same: 9 }, 'the culprit is named');
  await until(() => ended >= 9, 'the first wave ends');
  for (let n = 0; n < 100; n++) await insert();
  t.ok(ended < 40, 'nor does the second wave stop them');
  await write.close(0);
  await calls;
});
