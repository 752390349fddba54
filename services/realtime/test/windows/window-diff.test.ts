/** Tests that a client that applies the changes of a window as in PROTOCOL.md has the new list. */
import fc from 'fast-check';
import t from 'tap';
import { type ShownRow, windowChanges } from '../../src/windows/window-diff.ts';

const rows = (list: readonly [number, number][]): ShownRow[] =>
  list.map(([id, n]) => ({ key: `[${id}]`, text: JSON.stringify({ id, n }) }));

interface Told {
  type: string;
  row?: { id: number; n: number };
  old?: { id: number; n: number };
  index?: number;
}

export function applied(list: readonly ShownRow[], changes: readonly Told[]): ShownRow[] {
  const gone = new Set(changes.map(({ row, old }) => (row ?? old)?.id));
  const next = list.filter(({ key }) => !gone.has(JSON.parse(key)[0]));
  for (const { row, index } of changes) {
    if (row) next.splice(index as number, 0, { key: `[${row.id}]`, text: JSON.stringify(row) });
  }
  return next;
}

const told = (before: ShownRow[], after: ShownRow[]): Told[] => windowChanges(before, after).map((c) => JSON.parse(c));

t.test('reports only rows that entered, left, changed or moved', async (t) => {
  const before = rows([
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
  t.same(told(before, before), []);
  t.same(
    told(
      before,
      rows([
        [4, 0],
        [1, 0],
        [2, 5],
      ]),
    ),
    [
      { type: 'leave', old: { id: 3, n: 0 } },
      { type: 'enter', row: { id: 4, n: 0 }, index: 0 },
      { type: 'update', row: { id: 2, n: 5 }, index: 2 },
    ],
  );
  t.same(
    told(
      before,
      rows([
        [3, 0],
        [1, 0],
        [2, 0],
      ]),
    ),
    [{ type: 'update', row: { id: 3, n: 0 }, index: 0 }],
    'a row that moved, not those that it pushed down',
  );
});

t.test('turns any list into any other', async () => {
  const list = fc
    .uniqueArray(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 2 })), {
      selector: ([id]) => id,
      maxLength: 10,
    })
    .map(rows);
  fc.assert(
    fc.property(list, list, (before, after) => {
      t.same(applied(before, told(before, after)), after);
    }),
  );
});
