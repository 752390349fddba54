import os from 'node:os';
import fc from 'fast-check';
import t from 'tap';
import { workerSizes } from '../../src/config.ts';
import { chunkSize, cutChunks } from '../../src/jobs/plan-page.ts';
import { kindOf } from '../../src/jobs/read-spec.ts';
import { loadKinds } from '../../src/kinds/load-kinds.ts';

const item = (index: number) => ({ index, input: null, attempts: 0 });

t.test('chunks hold every item once, in order, and never too many', async () => {
  fc.assert(
    fc.property(
      fc.nat(500),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 40 }),
      (count, threads, most) => {
        const items = Array.from({ length: count }, (_, i) => item(i));
        const chunks = cutChunks({ items, bytes: 4 * count, nextCursor: null }, { threads, most, itemMs: null }).map(
          (chunk) => chunk.items,
        );
        return (
          chunks.flat().every((x, i) => x === items[i]) &&
          chunks.flat().length === count &&
          chunks.every((chunk) => chunk.length >= 1 && chunk.length <= most)
        );
      },
    ),
  );
});

t.test('a small job has chunks for every thread, a large one full chunks', async (t) => {
  const sizes = (count: number, nextCursor: string | null = null) => {
    const items = Array.from({ length: count }, (_, i) => item(i));
    return cutChunks({ items, bytes: 4 * count, nextCursor }, { threads: 4, most: 16, itemMs: null }).map(
      (chunk) => chunk.items.length,
    );
  };
  t.same(sizes(4), [1, 1, 1, 1]);
  t.equal(sizes(40).length, 14);
  t.same(sizes(20, 'more'), [16, 4], 'more items follow');
  t.same(new Set(sizes(1_600)), new Set([16]));
});

t.test('items that take less than 20 ms together stay in one chunk', (t) => {
  const items = Array.from({ length: 100 }, (_, i) => item(i));
  const chunks = (itemMs: number) =>
    cutChunks({ items, bytes: 400, nextCursor: null }, { threads: 2, most: 500, itemMs }).length;
  t.same([0, 0.01, 1, 100].map(chunks), [1, 1, 5, 8]);
  t.end();
});

t.test('a chunk has as many items as take half a second, and few while their time is not known', (t) => {
  const sizes = [null, 0, 0.1, 20, 400, 60_000].map((ms) => chunkSize(ms, 500));
  t.same(sizes, [16, 500, 500, 25, 1, 1]);
  t.equal(chunkSize(null, 4), 4, 'never more than the configuration allows');
  t.end();
});

t.test('a chunk of large inputs has fewer of them', (t) => {
  const items = Array.from({ length: 1_000 }, (_, i) => item(i));
  const chunks = cutChunks(
    { items, bytes: 64_000 * items.length, nextCursor: 'more' },
    { threads: 2, most: 500, itemMs: null },
  );
  t.same(new Set(chunks.map((chunk) => chunk.items.length)), new Set([4]));
  t.end();
});

t.test('a spec that cannot be used says where and why', async (t) => {
  const transform = { greyscale: true };
  const id = '123e4567-e89b-42d3-a456-426614174000';
  const kinds = await loadKinds('');
  t.equal(kindOf(kinds, 'image.transform', { input: { files: [id] }, transform }).name, 'image.transform');
  const bad: [unknown, RegExp][] = [
    [null, /must be object/],
    [{}, /input/],
    [{ input: { files: [] }, transform }, /input/],
    [{ input: { files: ['x'] }, transform }, /input/],
    [{ input: { prefix: '' }, transform }, /input/],
    [{ input: { prefix: 'a' }, transform: {} }, /transform/],
    [{ input: { prefix: 'a' }, transform: { format: 'bmp' } }, /format/],
    [{ input: { prefix: 'a' }, transform: { resize: { width: 1e6 } } }, /width/],
    [{ input: { prefix: 'a' }, transform: { resize: { fit: 'cover' } } }, /width/],
    [{ input: { prefix: 'a' }, transform, more: 1 }, /more|additional/],
  ];
  for (const [spec, message] of bad) {
    t.throws(
      () => kindOf(kinds, 'image.transform', spec),
      { code: 'BATCH_INVALID_SPEC', message },
      JSON.stringify(spec),
    );
  }
  t.throws(() => kindOf(kinds, 'image.explode', {}), { code: 'BATCH_UNKNOWN_KIND', message: /image\.explode/ });
});

t.test('without settings there is a worker for each core, and a quarter of the memory for all', async (t) => {
  const unset = { BATCH_THREADS: 0, BATCH_MEMORY_MB: 0, BATCH_CHILD_BYTES: 0 };
  const { threads, memoryBytes, childBytes } = workerSizes(unset);
  t.equal(threads, os.availableParallelism());
  t.ok(memoryBytes > 0 && memoryBytes <= Math.min(2_048 * 1024 ** 2, os.totalmem() / 4));
  t.ok(childBytes > memoryBytes, 'an item that was admitted is not killed for what it may need');
  t.match(workerSizes({ BATCH_THREADS: 3, BATCH_MEMORY_MB: 100, BATCH_CHILD_BYTES: 1e9 }), {
    threads: 3,
    memoryBytes: 100 * 1024 ** 2,
    childBytes: 1e9,
  });
});
