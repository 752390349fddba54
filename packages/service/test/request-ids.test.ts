import t from 'tap';
import { requestIds } from '../src/request-ids.ts';

const asked = (id?: string) => ({ headers: id === undefined ? {} : { 'x-request-id': id } });

t.test('gives each request an id that no other instance gives, and takes the one of the client', async (t) => {
  const [one, other] = [requestIds(), requestIds()];
  const given = Array.from({ length: 100 }, () => [one(asked()), other(asked())]).flat();
  t.equal(new Set(given).size, 200);
  t.equal(one(asked('order-17.a:b_c')), 'order-17.a:b_c');
});

t.test('replaces an id that is long or could be meant for the reader of a log', async (t) => {
  const next = requestIds();
  for (const id of ['', 'x'.repeat(65), 'a b', 'a\nb', '<b>', 'ü'])
    t.match(next(asked(id)), /^[0-9a-f]{10}-[0-9a-z]+$/, id);
});
