import fc from 'fast-check';
import t from 'tap';
import { createAdmission } from '../../src/workers/admission.ts';

const never = new AbortController().signal;

t.test('for tasks of any size and order, the limit holds and all are admitted', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 60 }), async (sizes) => {
      const admission = createAdmission(100);
      const entered: number[] = [];
      await Promise.all(
        sizes.map(async (bytes, index) => {
          const giveBack = await admission.admit(bytes, never);
          entered.push(index);
          if (admission.admittedBytes() > 100) throw new RangeError('over the limit');
          await new Promise((resolve) => setImmediate(resolve));
          giveBack();
          giveBack();
        }),
      );
      return admission.admittedBytes() === 0 && entered.every((index, at) => index === at);
    }),
    { numRuns: 100 },
  );
});

t.test('a large task is not overtaken, and one that gives up lets the others in', async (t) => {
  const admission = createAdmission(100);
  const first = await admission.admit(60, never);
  const impatient = new AbortController();
  const large = admission.admit(80, impatient.signal);
  let small: (() => void) | undefined;
  const waiting = admission.admit(10, never).then((giveBack) => {
    small = giveBack;
  });
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(small, undefined, 'behind the large one, though it would fit');
  t.equal(admission.waiting(), 2);
  impatient.abort('cancelled');
  await large.then(
    () => t.fail('it was cancelled'),
    (reason) => t.equal(reason, 'cancelled'),
  );
  await waiting;
  small?.();
  first();
  t.equal(admission.admittedBytes(), 0);
  await admission.admit(1, AbortSignal.abort('late')).catch((reason) => t.equal(reason, 'late'));
});
