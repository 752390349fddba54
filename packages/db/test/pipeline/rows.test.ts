import t from 'tap';
import { columnsOf, rowOf } from '../../src/pipeline/rows.ts';
import { dataRow, rowDescription } from './backend-messages.ts';

t.test('values are read by the type of their column', async (t) => {
  const types = { text: 25, int4: 23, int8: 20, bool: 16, json: 114, jsonb: 3802, float8: 701, 'é ü': 1184 };
  const columns = columnsOf(rowDescription(types), 5);
  t.same(
    columns.map(({ name }) => name),
    Object.keys(types),
  );
  const values = ['ä\u{1f600}', '-7', '9007199254740993', 't', '{"a":1}', '[null]', 'NaN', '2020-01-01 00:00:00+00'];
  t.same(rowOf(dataRow(...values), 5, columns), {
    text: 'ä\u{1f600}',
    int4: -7,
    int8: '9007199254740993',
    bool: true,
    json: { a: 1 },
    jsonb: [null],
    float8: Number.NaN,
    'é ü': '2020-01-01 00:00:00+00',
  });
});

t.test('null and the empty text differ', async (t) => {
  const columns = columnsOf(rowDescription({ a: 25, b: 23 }), 5);
  t.strictSame(rowOf(dataRow('', null), 5, columns), { a: '', b: null });
});
