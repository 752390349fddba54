/** Tests the sums of work that limit identities to their share. */
import fc from 'fast-check';
import t from 'tap';
import { DECAY_MS, SharedWork } from '../../src/limits/shared-work.ts';

/** 1,000 ms of work may have been caused lately. */
const PER_SECOND = 100;

t.test('the identity that causes most of the work waits until it has decayed; the others do not wait', async (t) => {
  const work = new SharedWork(100);
  work.add('heavy', 5_000, 0);
  for (let user = 0; user < 10; user += 1) work.add(`user ${user}`, 200, 0);
  const waitMs = work.waitMs('heavy', PER_SECOND, 0);
  t.ok(Math.abs(waitMs - DECAY_MS * Math.log(5)) < 1);
  t.equal(work.waitMs('user 1', PER_SECOND, 0), 0);
  t.equal(work.waitMs('newcomer', PER_SECOND, 0), 0);
  work.add('user 1', 1, waitMs);
  t.equal(work.waitMs('heavy', PER_SECOND, waitMs + 1), 0, 'as told in Retry-After');
});

t.test('a single identity is never limited', async (t) => {
  const work = new SharedWork(100);
  work.add('alone', 100_000, 0);
  t.equal(work.waitMs('alone', PER_SECOND, 0), 0);
  work.add('another', 1, 0);
  t.ok(work.waitMs('alone', PER_SECOND, 0) > 0);
});

t.test('identities slowed down by another one are not limited', async (t) => {
  const work = new SharedWork(100);
  work.add('heavy', 30_000, 0);
  for (let user = 0; user < 5; user += 1) work.add(`user ${user}`, 2_000, 0);
  t.equal(work.waitMs('user 1', PER_SECOND, 0), 0, 'over what it may cause, but a small part of all');
  t.ok(work.waitMs('heavy', PER_SECOND, 0) > 0);
});

t.test('a negative amount takes back excess work', async (t) => {
  const work = new SharedWork(100);
  work.add('another', 10, 0);
  work.add('a', 5_000, 0);
  work.add('a', -4_900, 0);
  t.equal(work.waitMs('a', PER_SECOND, 0), 0);
  work.add('a', -500, 0);
  t.equal(work.of('a', 0), 0, 'and never more than that');
});

t.test('the number of identities is bounded, and the least recently used one is removed', async (t) => {
  const work = new SharedWork(2);
  work.add('a', 10, 0);
  work.add('b', 10, 1);
  work.add('a', 10, 2);
  work.add('c', 10, 3);
  t.equal(work.size, 2);
  t.equal(work.of('b', 3), 0);
  t.ok(work.of('a', 3) > 19);
});

t.test('no sum is ever negative or above the total', async () => {
  const step = fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.integer({ min: -1_000, max: 5_000 }), fc.nat(3_000));
  const property = fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
    const work = new SharedWork(10);
    let now = 0;
    for (const [identity, ms, pause] of steps) {
      now += pause;
      work.add(identity, ms, now);
      const sums = ['a', 'b', 'c'].map((one) => work.of(one, now));
      if (sums.some((sum) => !(sum >= 0))) return false;
      // With the largest sum over its share and others there, somebody has to wait: the share is a quarter of all, and there are three.
      const largest = Math.max(...sums);
      const others = sums.reduce((sum, one) => sum + one, 0) - largest;
      const isHeld = ['a', 'b', 'c'].some((one) => work.waitMs(one, PER_SECOND, now) > 0);
      if (largest > 1_001 && others > 1 && !isHeld) return false;
      if (largest < 999 && isHeld) return false;
    }
    return true;
  });
  fc.assert(property, { numRuns: 300 });
});
