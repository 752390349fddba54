import t from 'tap';
import { nextReplicaHealth, type ReplicaPoll, UNPOLLED } from '../../src/routing/replica-health.ts';

const LIMITS = { healthyLagMs: 1_000, unhealthyLagMs: 5_000 };
const FINE: ReplicaPoll = { type: 'position', lagMs: 0 };
const FAILED: ReplicaPoll = { type: 'failed', reason: 'no answer' };
const run = (...polls: ReplicaPoll[]) => {
  let health = UNPOLLED;
  return polls.map((poll) => {
    health = nextReplicaHealth(health, poll, LIMITS);
    return health.healthy;
  });
};

t.test('becomes healthy with the first fine poll, is ejected by a failed one, and needs two to return', async (t) => {
  t.same(run(FINE, FAILED, FINE, FINE), [true, false, false, true]);
  t.same(run(FAILED, FINE, FAILED, FINE, FINE), [false, false, false, false, true]);
});

t.test('keeps its state between the two lag limits', async (t) => {
  const lag = (lagMs: number): ReplicaPoll => ({ type: 'position', lagMs });
  t.same(run(FINE, lag(4_000), lag(5_001), lag(4_000), lag(900), lag(900)), [true, true, false, false, false, true]);
  t.same(run(lag(4_000), FINE, FINE), [false, false, true]);
});

t.test('ejects a promoted replica', async (t) => {
  const health = nextReplicaHealth(
    nextReplicaHealth(UNPOLLED, FINE, LIMITS),
    { type: 'promoted', timeline: 2 },
    LIMITS,
  );
  t.equal(health.healthy, false);
  t.match(health.reason, /promoted/);
});
