import t from 'tap';
import { createLagEstimator } from '../../src/collectors/replica-lag.ts';

t.test('returns the age of the first position that the replica has not reached', async (t) => {
  const estimator = createLagEstimator();
  estimator.record(100, 1_000);
  estimator.record(200, 2_000);
  estimator.record(200, 3_000);
  estimator.record(300, 4_000);
  t.equal(estimator.lagMs(300, null, 9_000), 0, 'nothing is missing');
  t.equal(estimator.lagMs(200, null, 5_000), 1_000);
  t.equal(estimator.lagMs(150, null, 5_000), 3_000, 'an idle primary makes the lag no smaller');
  t.equal(estimator.lagMs(200, 1_500, 5_000), 1_500, 'Postgres knows it more finely');
  t.equal(estimator.lagMs(300, 1_500, 5_000), 0, 'its figure outlives the lag');
});

t.test('discards its samples when the position of the primary decreases', async (t) => {
  const estimator = createLagEstimator();
  estimator.record(1_000, 1_000);
  estimator.record(500, 2_000);
  t.equal(estimator.lagMs(500, null, 3_000), 0);
});
