import fc, { type Arbitrary } from 'fast-check';
import { search, table } from './query-strings.ts';
import { list, near, text } from './salt.ts';

const json = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -5, max: 2_000 }) as Arbitrary<unknown> },
  { weight: 3, arbitrary: text },
  { weight: 1, arbitrary: fc.constantFrom(null, true, 1.5, [], {}, ['x'], { a: 1 }, '[1,5)', 'infinity') },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
const row = fc
  .array(
    fc.tuple(
      near(
        'id',
        'id',
        'title',
        'body',
        'n',
        'price',
        'tags',
        'doc',
        'span',
        'at',
        'parent',
        'doc_id',
        'text',
        'owner',
        'words',
        'value',
        'a',
        'q',
      ),
      json,
    ),
    { maxLength: 5 },
  )
  .map((pairs) => Object.fromEntries(pairs));
const operation = fc.record(
  {
    method: near('POST', 'PATCH', 'DELETE', 'PUT', 'GET'),
    path: fc.tuple(near('/rest/v1/'), table, search).map((parts) => parts.join('')),
    body: row,
    prefer: near('return=representation', 'return=minimal', 'resolution=merge-duplicates'),
  },
  { requiredKeys: ['method', 'path'] },
);
const deep = fc
  .tuple(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom('[', '{"a":'))
  .map(([n, one]) => one.repeat(n));
export const body: Arbitrary<string> = fc.oneof(
  { weight: 4, arbitrary: row.map((one) => JSON.stringify(one)) },
  { weight: 2, arbitrary: fc.array(row, { maxLength: 4 }).map((rows) => JSON.stringify(rows)) },
  {
    weight: 1,
    arbitrary: fc.record({ operations: fc.array(operation, { maxLength: 3 }) }).map((ops) => JSON.stringify(ops)),
  },
  { weight: 1, arbitrary: fc.tuple(row, text).map(([one, salt]) => JSON.stringify(one).replace(/.$/, salt)) },
  {
    weight: 1,
    arbitrary: fc.array(list(text, 3), { maxLength: 3 }).map((lines) => ['id,title,n', ...lines].join('\n')),
  },
  { weight: 1, arbitrary: search.map((one) => one.slice(1)) },
  { weight: 1, arbitrary: fc.jsonValue().map((one) => JSON.stringify(one)) },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: text },
);
