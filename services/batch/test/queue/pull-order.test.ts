import t from 'tap';
import { pullOrder } from '../../src/queue/pull-order.ts';

t.test('urgent work comes first, and starves nothing', async (t) => {
  const first = { high: 0, normal: 0, low: 0 };
  for (let n = 0; n < 160; n += 1) {
    const order = pullOrder(n);
    t.same([...order].sort(), ['high', 'low', 'normal'], 'each is asked');
    first[order[0]!] += 1;
  }
  t.same(first, { high: 120, normal: 30, low: 10 });
});
