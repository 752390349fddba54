import fc from 'fast-check';
import t from 'tap';
import { stepped } from '../../src/history/steps.ts';

t.test(
  'gives mean, least and greatest value of each step, at multiples of the step, and null where nothing is known',
  async (t) => {
    const at = [9_000, 10_000, 11_000, 20_500];
    t.same(stepped({ at, series: { a: [1, 2, 6, null], b: [null, null, 0, 5] }, missing: ['c'] }, 10_000), {
      at: [0, 10_000, 20_000],
      series: {
        a: { mean: [1, 4, null], min: [1, 2, null], max: [1, 6, null] },
        b: { mean: [null, 0, 5], min: [null, 0, 5], max: [null, 0, 5] },
      },
      missing: ['c'],
    });
  },
);

t.test('for any samples, a mean is between least and greatest, and no sample is lost', async () => {
  const value = fc.option(fc.integer({ min: -1_000, max: 1_000 }));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 100 }), fc.integer({ min: 1, max: 20 }), (values, step) => {
      const at = values.map((_, index) => index * 1_000);
      const { mean, min, max } = stepped({ at, series: { a: values }, missing: [] }, step * 1_000).series.a!;
      const known = values.filter((one) => one !== null);
      const all = [min, max].map((list) => list.filter((one) => one !== null));
      return (
        mean.every(
          (one, slot) => one === null || (one >= (min[slot] as number) - 0.001 && one <= (max[slot] as number) + 0.001),
        ) &&
        (known.length === 0 ||
          (Math.min(...all[0]!) === Math.min(...known) && Math.max(...all[1]!) === Math.max(...known)))
      );
    }),
  );
});
