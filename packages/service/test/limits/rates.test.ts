import fc from 'fast-check';
import t from 'tap';
import { networkOf } from '../../src/limits/network.ts';
import { type Policy, parsePolicies, Rates } from '../../src/limits/rates.ts';

const policy = parsePolicies('anon=10/5s').get('anon') as Policy;

t.test('a full bucket allows a burst, then one request each window / limit', async (t) => {
  const rates = new Rates(1_000);
  const at = (now: number) => rates.take('a', policy, now);
  for (let i = 9; i >= 0; i -= 1) t.match(at(1_000), { allowed: true, remaining: i });
  t.match(at(1_000), { allowed: false, remaining: 0, resetMs: 5_000, waitMs: 500 });
  t.match(at(1_499), { allowed: false, waitMs: 1 });
  t.match(at(1_500), { allowed: true, remaining: 0 });
  t.match(rates.take('b', policy, 1_500), { allowed: true, remaining: 9 });
  t.match(at(60_000), { allowed: true, remaining: 9, resetMs: 500 });
});

t.test('no window allows more than the limit plus its refill', async () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 2_000 }), { maxLength: 200 }),
      (limit, seconds, pauses) => {
        const one = parsePolicies(`x=${limit}/${seconds}s`).get('x') as Policy;
        const rates = new Rates(1_000);
        const passed: number[] = [];
        let now = 0;
        for (const pause of pauses) {
          now += pause;
          const { allowed, waitMs, remaining } = rates.take('a', one, now);
          if (allowed) passed.push(now);
          if (allowed !== (waitMs === 0) || remaining < 0 || remaining >= limit) return false;
        }
        return passed.every((from) => {
          const within = passed.filter((at) => at >= from && at < from + one.windowMs).length;
          return within <= 2 * limit;
        });
      },
    ),
  );
});

t.test('the number of identities is bounded, and those with a full bucket are removed first', async (t) => {
  const rates = new Rates(1_000);
  for (let i = 0; i < 900; i += 1) rates.take(`old ${i}`, policy, 0);
  for (let i = 0; i < 5_000; i += 1) rates.take(`new ${i}`, policy, 10_000);
  t.equal(rates.size, 1_000);
  t.ok(rates.forgottenTotal > 0);
  t.match(rates.take('new 4999', policy, 10_000), { remaining: 8 }, 'the newest are kept');
});

t.test('parses RATE_LIMITS, and refuses malformed values with a hint', async (t) => {
  t.equal(parsePolicies('off').size, 0);
  t.same(
    [...parsePolicies(' anon=1/2s, *=30/60s ').values()].map(({ header }) => header),
    ['"anon";q=1;w=2', '"default";q=30;w=60'],
  );
  for (const bad of ['anon', 'anon=0', 'anon=1/m', 'anon=1/1s,anon=2/1s']) {
    t.throws(() => parsePolicies(bad), { code: 'LIMIT_RATE_LIMITS' }, bad);
  }
});

t.test('an IPv6 client counts by its /64', async (t) => {
  t.equal(networkOf('10.0.0.1'), '10.0.0.1');
  t.equal(networkOf('::ffff:10.0.0.1'), '10.0.0.1');
  t.equal(networkOf('2001:db8:0:1:2:3:4:5'), '2001:db8:0:1::/64');
  t.equal(networkOf('2001:0DB8:0000:0001::5'), '2001:db8:0:1::/64');
  t.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
  t.equal(networkOf('::1'), '0:0:0:0::/64');
});
