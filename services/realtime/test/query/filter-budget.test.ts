import t from 'tap';
import { FilterBudget, QUESTION_STEPS } from '../../src/query/filter-budget.ts';

t.test('charges a statement once, to the first topic, until no topic needs it', async (t) => {
  const budget = new FilterBudget({ query: 100_000, socket: 30_000, instance: 100_000, sharePercent: 50 });
  const ask = (holder: string, question: string | undefined, socket: object = {}) =>
    budget.admit(socket, holder, { steps: 10, question }, true);
  const first = ask('ann', 'a');
  const second = ask('bob', 'a');
  t.equal(budget.instance.used, QUESTION_STEPS + 20);
  t.ok(budget.isAsked('a'));
  first.close();
  t.equal(budget.instance.used, QUESTION_STEPS + 10);
  second.close();
  t.equal(budget.instance.used, 0);
  t.notOk(budget.isAsked('a'));

  t.test('limits the statements of a socket and of an identity', async (t) => {
    const socket = {};
    const taken = [ask('ann', '1', socket)];
    t.throws(() => ask('ann', '2', socket), { code: 'RT_SOCKET_FILTERS' });
    t.throws(() => ask('ann', '2'), { code: 'RT_FILTER_BUDGET', message: /this identity/ });
    taken.push(ask('bob', '2'), ask('cat', '3'));
    t.throws(() => ask('dan', '4'), { code: 'RT_FILTER_BUDGET', message: /this instance/ });
    taken.push(ask('dan', '3'));
    for (const { close } of taken) close();
    t.equal(budget.instance.used, 0);
  });

  t.test('gives back the steps of a socket', async (t) => {
    const socket = {};
    const { leave, close } = ask('ann', '1', socket);
    leave();
    close();
    t.doesNotThrow(() => ask('ann', '5', socket));
  });
});
