import t from 'tap';
import { unknownRules } from '../../src/health/unknown-rules.ts';

const collector = (name: string, error: string | null, collectedAt: number | null = 1) => ({
  name,
  error,
  collectedAt,
});

t.test('rules whose collector fails or has not run yet are unknown, with the reason', async (t) => {
  t.same(unknownRules([collector('postgres activity', null), collector('nats', null)]), []);
  const blind = unknownRules([
    collector('postgres activity', 'refused'),
    collector('postgres replication', null, null),
  ]);
  t.same(
    blind.map(({ rule }) => rule),
    [
      ...['lock.blocker', 'transaction.old', 'postgres.connections', 'statement.long'],
      ...['replica.lag', 'replica.paused', 'replica.disconnected', 'slot.lost', 'slot.retains', 'slot.unread'],
    ],
  );
  t.match(blind[0], { why: 'the collector "postgres activity" fails: refused' });
  t.match(blind.at(-1), { why: /has not run yet/ });
});

t.test('without NATS there is no telemetry, so nothing is known about instances', async (t) => {
  const rules = unknownRules([collector('nats', 'closed')]).map(({ rule }) => rule);
  t.ok(rules.includes('pool.exhausted') && rules.includes('route.slow') && rules.includes('instance.lost'));
  t.notOk(rules.includes('nats.down'));
});
