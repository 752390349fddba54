import t from 'tap';
import { createThreadUsage } from '../../src/fairness/thread-usage.ts';

t.test('used time counts while a chunk runs and after it, and halves every 30 s', async (t) => {
  let now = 0;
  const usage = createThreadUsage(2, () => now);
  const end = usage.begin({ tenant: 'a', job: 'j', itemMs: 10 });
  now = 800;
  t.match(usage.turn(), { used: { 't:a': 800, j: 800 }, long: 0, mostLong: 1, unmeasured: {} });
  end();
  end();
  t.match(usage.turn().used, { 't:a': 800 }, 'once');
  now += 30_000;
  t.match(usage.turn().used, { 't:a': 400 });
});

t.test(
  'a chunk is long if its items are, or once it has run for long; unmeasured chunks are counted by tenant',
  async (t) => {
    let now = 0;
    const usage = createThreadUsage(4, () => now);
    usage.begin({ tenant: 'a', job: 'j', itemMs: 2_001 });
    usage.begin({ tenant: 'b', job: 'k', itemMs: null });
    t.match(usage.turn(), { long: 1, mostLong: 3, unmeasured: { b: 1 } });
    now = 3_001;
    t.match(usage.turn(), { long: 2, unmeasured: {} });
    t.equal(createThreadUsage(1).turn().mostLong, 1, 'a single thread runs long items, too');
  },
);

t.test('many tenants are remembered in bounded memory, those who used most first', async (t) => {
  const usage = createThreadUsage(2, () => 0);
  let now = 0;
  const timed = createThreadUsage(2, () => now);
  t.same(usage.turn().used, {});
  for (let n = 0; n < 3_000; n += 1) {
    const end = timed.begin({ tenant: `t${n}`, job: `j${n}`, itemMs: 1 });
    now += n === 5 ? 60_000 : 1;
    end();
  }
  const keys = Object.keys(timed.turn().used);
  t.ok(keys.length <= 1_000, `${keys.length} keys`);
  t.ok(keys.includes('t:t5'));
});
