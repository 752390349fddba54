import t from 'tap';
import { timeOrderedId } from '../../src/items/time-ordered-id.ts';

t.test('ids are different UUIDs of version 7, in the order of their time', async (t) => {
  const ids = Array.from({ length: 1_000 }, (_, n) => timeOrderedId(1_790_000_000_000 + n));
  t.same(ids.toSorted(), ids);
  const form = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  t.same(
    ids.filter((id) => !form.test(id)),
    [],
  );
  t.match(ids[0], /^01a0c450-6c00-7/, 'the time comes first');
  t.equal(new Set(Array.from({ length: 1_000 }, () => timeOrderedId(0))).size, 1_000);
});
