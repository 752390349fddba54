import fc from 'fast-check';
import t from 'tap';
import { fitScalability, type Load } from '../../src/health/scalability.ts';

const law = (n: number, { lambda = 100, sigma = 0.02, kappa = 0.002 } = {}) =>
  (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
/** Loads from 1 to `most`, with an error of up to `noise` that depends on the place. */
const loads = (most: number, noise = 0, parameters = {}): Load[] =>
  Array.from({ length: 60 }, (_, index) => {
    const concurrency = 1 + ((most - 1) * index) / 59;
    return { concurrency, perSecond: law(concurrency, parameters) * (1 + noise * Math.sin(index * 12.9898)) };
  });

t.test('finds the peak if the measured loads come near it', async (t) => {
  const { model } = fitScalability(loads(20, 0.02));
  const peak = Math.sqrt((1 - 0.02) / 0.002);
  t.ok(model !== null && Math.abs(model.peakConcurrency - peak) < 0.1 * peak, JSON.stringify(model));
  t.ok(model !== null && model.low <= model.peakPerSecond && model.peakPerSecond <= model.high);
  t.ok(model !== null && Math.abs(model.peakPerSecond - law(peak)) < 0.05 * law(peak));
});

t.test('says why there is no model', async (t) => {
  t.match(fitScalability(loads(20).slice(0, 10)), { model: null, why: '10 measured loads; 30 are the least' });
  t.match(fitScalability(loads(10)), { model: null, why: /at most 10\.0, covers 45 % of the peak/ });
  t.match(fitScalability(loads(20, 0, { sigma: 0, kappa: 0 })), { model: null, why: /no peak is in sight/ });
  t.equal(fitScalability(loads(20, 0.9)).model, null, 'loads that scatter');
});

t.test('for any measurements, a model has a peak within its bounds that the loads cover', async () => {
  const load = fc.record({
    concurrency: fc.double({ min: 0, max: 100, noNaN: true }),
    perSecond: fc.double({ min: 0, max: 1e5, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(load, { maxLength: 80 }), (all) => {
      const { model, why } = fitScalability(all);
      if (model === null) return typeof why === 'string';
      const most = Math.max(...all.map(({ concurrency }) => concurrency));
      const spread = Math.max(model.high - model.peakPerSecond, model.peakPerSecond - model.low);
      return most >= 0.65 * model.peakConcurrency && spread <= 0.25 * model.peakPerSecond + 1e-9;
    }),
    { numRuns: 100 },
  );
});
