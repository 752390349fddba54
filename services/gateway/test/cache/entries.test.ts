/** Answers are kept no longer than CACHE_TTL_MS, and no more of them than CACHE_MAX_ENTRIES, whatever the relay says. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { Entries, type Entry } from '../../src/cache/entries.ts';

const entry = (): Entry => ({
  answer: { body: 'rows', source: 'replica' } as unknown as Entry['answer'],
  epoch: 'e',
  proven: 1n,
  reads: { tables: new Set(['t']) } as unknown as Entry['reads'],
});

t.test('removes an answer that has reached the maximum age', async (t) => {
  const entries = new Entries({ maxBytes: 1e6, maxEntryBytes: 1e6, maxEntries: 10, ttlMs: 100 });
  entries.set('a', entry());
  t.ok(entries.get('a'));
  await until(() => entries.peek('a') === undefined, 'the answer is gone');
  t.notOk(entries.get('a'));
  t.equal(entries.size, 0);
});

t.test('evicts the least recently used answer when one more is kept', async (t) => {
  const entries = new Entries({ maxBytes: 1e6, maxEntryBytes: 1e6, maxEntries: 2, ttlMs: 60_000 });
  for (const key of ['a', 'b', 'c']) entries.set(key, entry());
  t.same([entries.has('a'), entries.has('b'), entries.has('c'), entries.size], [false, true, true, 2]);
});
