/** A budget that identities share: nobody gets all of it, and nobody is refused a share while there is room. */
import fc from 'fast-check';
import t from 'tap';
import { SharedBudget } from '../../src/limits/shared-budget.ts';

t.test('one identity fills half of a budget and no more; others still get their share', async (t) => {
  const budget = new SharedBudget(100, 10);
  t.equal(budget.take('greedy', 50), undefined);
  t.same(budget.take('greedy', 1), { where: 'identity', wanted: 51, limit: 10 });
  for (const name of ['a', 'b', 'c', 'd', 'e']) t.equal(budget.take(name, 10), undefined, name);
  t.same(budget.take('f', 1), { where: 'instance', wanted: 101, limit: 100 });
  t.equal(budget.refusedTotal, 2);
  budget.give('greedy', 45);
  t.equal(budget.take('greedy', 5), undefined, 'up to its share');
  t.same([budget.total, budget.held('greedy')], [60, 10]);
});

t.test('whatever is taken and given back, the sums hold and refusals are right', async () => {
  const step = fc.record({
    who: fc.constantFrom('a', 'b', 'c'),
    amount: fc.integer({ min: 1, max: 60 }),
    gives: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const budget = new SharedBudget(100, 20);
      const held = new Map<string, number>();
      const total = () => [...held.values()].reduce((sum, one) => sum + one, 0);
      for (const { who, amount, gives } of steps) {
        const own = held.get(who) ?? 0;
        if (gives) {
          const given = Math.min(own, amount);
          budget.give(who, given);
          held.set(who, own - given);
        } else {
          const fits = total() + amount <= 50 || (total() + amount <= 100 && own + amount <= 20);
          if ((budget.take(who, amount) === undefined) !== fits) return false;
          if (fits) held.set(who, own + amount);
        }
        if (budget.total !== total() || budget.held(who) !== (held.get(who) ?? 0)) return false;
      }
      return true;
    }),
  );
});
