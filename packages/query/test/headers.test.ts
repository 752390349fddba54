import t from 'tap';
import {
  assertSatisfiable,
  contentRange,
  contentType,
  intersectRanges,
  type MediaKind,
  parsePrefer,
  parseRange,
  preferenceApplied,
  rangeStatus,
  selectMediaType,
} from '../src/index.ts';
import { refused } from './refused.ts';

t.test('parses Prefer', async (t) => {
  t.match(parsePrefer(undefined), { return: null, invalid: [] });
  t.match(
    parsePrefer(
      'return=representation,count=exact , resolution=merge-duplicates, missing=default, tx=rollback, params=single-object, max-affected=10, timezone=Europe/Berlin, handling=strict',
    ),
    {
      ...{
        return: 'representation',
        count: 'exact',
        resolution: 'merge-duplicates',
        missing: 'default',
        tx: 'rollback',
      },
      params: 'single-object',
      maxAffected: 10,
      timezone: 'Europe/Berlin',
      handling: 'strict',
      invalid: [],
    },
  );
  t.match(
    parsePrefer(['tx=commit', 'tx=rollback', 'count="planned"']),
    { tx: 'commit', count: 'planned' },
    'the first counts',
  );
  t.same(parsePrefer('return=all, anything, max-affected=x, timezone=Mars/Olympus, count=exact').invalid, [
    ...['return=all', 'anything', 'max-affected=x', 'timezone=Mars/Olympus'],
  ]);
  t.match(parsePrefer('timezone=X', { isTimeZone: (name) => name === 'X' }), { timezone: 'X' });
  t.match(
    refused(() => parsePrefer('handling=strict, anything, return=all')),
    {
      code: 'PGRST122',
      status: 400,
      message: 'Invalid preferences given with handling=strict',
      details: 'Invalid preferences: anything, return=all',
    },
  );
});

t.test('renders Preference-Applied', async (t) => {
  const applied = (header: string) => preferenceApplied(parsePrefer(header));
  t.equal(applied(''), null);
  t.equal(
    applied(
      'handling=strict, timezone=UTC, max-affected=5, tx=commit, count=exact, return=minimal, missing=default, resolution=ignore-duplicates',
    ),
    'resolution=ignore-duplicates, missing=default, return=minimal, count=exact, tx=commit, handling=strict, timezone=UTC, max-affected=5',
  );
  t.equal(applied('max-affected=5'), null, 'max-affected counts under handling=strict only');
  t.equal(preferenceApplied({ return: 'minimal' }), 'return=minimal');
});

t.test('parses Range and renders Content-Range', async (t) => {
  t.same(parseRange('0-9', 'items'), { offset: 0, limit: 10 });
  t.same(parseRange('5-', undefined), { offset: 5, limit: null });
  t.same(parseRange('items=3-3', undefined), { offset: 3, limit: 1 });
  for (const [range, unit] of [
    ['0-9', 'bytes'],
    ['bytes=0-9', undefined],
    ['x', undefined],
    [undefined, 'items'],
    ['-5', undefined],
  ] as const) {
    t.equal(parseRange(range, unit), null, `${range} ${unit}`);
  }
  t.match(
    refused(() => parseRange('9-5', 'items')),
    {
      code: 'PGRST103',
      status: 416,
      details: 'The lower boundary must be lower than or equal to the upper boundary in the Range header.',
    },
  );
  t.same(intersectRanges(), { offset: 0, limit: null });
  t.same(intersectRanges({ offset: 0, limit: 10 }, { offset: 5, limit: null }), { offset: 5, limit: 5 });
  t.same(intersectRanges({ offset: 0, limit: 5 }, null, { offset: 9, limit: 1 }), { offset: 9, limit: 0 });
  t.equal(contentRange(0, 10, null), '0-9/*');
  t.equal(contentRange(10, 5, 15), '10-14/15');
  t.equal(contentRange(0, 0, null), '*/*');
  t.equal(contentRange(20, 0, 15), '*/15');
  t.equal(contentRange(0, 0, 0), '*/0');
  t.same([rangeStatus(10, null), rangeStatus(10, 10), rangeStatus(5, 10), rangeStatus(0, 0)], [200, 200, 206, 200]);
  t.match(
    refused(() => assertSatisfiable(10, 3)),
    {
      code: 'PGRST103',
      details: 'An offset of 10 was requested, but there are only 3 rows.',
    },
  );
  assertSatisfiable(3, 3);
  assertSatisfiable(3, null);
});

t.test('selects a media type by Accept', async (t) => {
  const json = { kind: 'json', nullsStripped: false };
  const table: [accept: string | undefined, media: object][] = [
    [undefined, json],
    ['', json],
    ['*/*', json],
    ['application/*', json],
    ['text/*', { kind: 'csv' }],
    ['application/json', json],
    ['Application/JSON; charset=utf-8', json],
    ['text/csv', { kind: 'csv' }],
    ['text/plain', { kind: 'text' }],
    ['application/x-ndjson', { kind: 'ndjson' }],
    ['application/geo+json', { kind: 'geojson' }],
    ['application/octet-stream', { kind: 'octet-stream' }],
    ['application/vnd.pgrst.object+json', { kind: 'object', nullsStripped: false }],
    ['application/vnd.pgrst.object', { kind: 'object', nullsStripped: false }],
    ['application/vnd.pgrst.object+json;nulls=stripped', { kind: 'object', nullsStripped: true }],
    ['application/vnd.pgrst.array+json; nulls=stripped', { kind: 'array', nullsStripped: true }],
    ['application/vnd.pgrst.array+json', json],
    ['application/vnd.pgrst.plan', { kind: 'plan', format: 'text', for: json, options: [] }],
    ['application/vnd.pgrst.plan+text; for="text/csv"', { kind: 'plan', format: 'text', for: { kind: 'csv' } }],
    [
      'application/vnd.pgrst.plan+json; for="application/vnd.pgrst.object+json;nulls=stripped"; options=analyze|verbose|nonsense;',
      { kind: 'plan', format: 'json', for: { kind: 'object', nullsStripped: true }, options: ['analyze', 'verbose'] },
    ],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', json],
    ['text/csv;q=0.5, application/json;q=0.9', json],
    ['text/csv;q=0.9, application/json;q=0.5', { kind: 'csv' }],
    ['text/csv, application/json', { kind: 'csv' }],
    ['application/json;q=0, */*', { kind: 'csv' }],
    ['application/json;q=9, text/csv;q=0.001', { kind: 'csv' }],
  ];
  for (const [accept, media] of table) t.match(selectMediaType(accept), media, accept ?? 'no header');
  const some: MediaKind[] = ['json', 'csv'];
  t.match(
    refused(() => selectMediaType('text/html, application/x-ndjson', some)),
    {
      code: 'PGRST107',
      status: 406,
      message: 'None of these media types are available: text/html, application/x-ndjson',
      hint: /application\/json, text\/csv/,
    },
  );
  t.match(
    refused(() => selectMediaType('application/json;q=0')),
    { code: 'PGRST107' },
  );
  const types: [accept: string, type: string][] = [
    ['*/*', 'application/json; charset=utf-8'],
    ['application/octet-stream', 'application/octet-stream'],
    [
      'application/vnd.pgrst.object+json;nulls=stripped',
      'application/vnd.pgrst.object+json;nulls=stripped; charset=utf-8',
    ],
    [
      'application/vnd.pgrst.plan+json;options=analyze|wal',
      'application/vnd.pgrst.plan+json; for="application/json"; options=analyze|wal; charset=utf-8',
    ],
  ];
  for (const [accept, type] of types) t.equal(contentType(selectMediaType(accept)), type);
});
