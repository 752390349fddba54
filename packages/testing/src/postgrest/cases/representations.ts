/** Casts of domains: PostgREST's data representations. */
import { group, type PostgrestCase, REPRESENTATION } from '../case.ts';

const shown = group('G10');

const report = { id: 1, name: 'report', shade: '#000000', due: '2018-01-02T00:00:00Z' };
const essay = { id: 2, name: 'essay', shade: '#000100', due: '2018-01-03T00:00:00Z' };
const algebra = { id: 3, name: 'algebra', shade: '#01E240', due: null };

const get = (path: string, json: unknown) => shown('GET', path, { json });
const write = (method: string, path: string, body: unknown, json: unknown, status = 200) =>
  shown(method, path, { status, json }, { body, headers: REPRESENTATION });

export const representationCases: readonly PostgrestCase[] = [
  get('/todos?order=id', [report, essay, algebra]),
  get('/todos?select=*&order=id&limit=1', [report]),
  get(
    '/todos?select=id,shade&order=id',
    [report, essay, algebra].map(({ id, shade }) => ({ id, shade })),
  ),
  get('/todos?select=hex:shade&id=eq.2', [{ hex: '#000100' }]),
  get('/todos?select=due&id=eq.1', [{ due: report.due }]),
  get('/todos?select=id,shade,more:shade&id=eq.2', [{ id: 2, shade: '#000100', more: '#000100' }]),
  get('/todos?select=id,shade::text&id=eq.2', [{ id: 2, shade: '256' }]),
  get('/todos?shade=eq.000100', [essay]),
  get('/todos?shade=eq.%23000100&select=id', [{ id: 2 }]),
  get('/todos?shade=in.(000100,01E240)&select=id&order=id', [{ id: 2 }, { id: 3 }]),
  get('/todos?shade=not.in.(000100,01E240)&select=id', [{ id: 1 }]),
  get('/todos?shade=not.eq.000100&select=id&order=id', [{ id: 1 }, { id: 3 }]),
  get('/todos?shade=lt.000100&select=id', [{ id: 1 }]),
  get('/todos?shade=gte.000100&select=id&order=shade.desc', [{ id: 3 }, { id: 2 }]),
  get('/todos?or=(shade.eq.000100,shade.eq.000000)&select=id&order=id', [{ id: 1 }, { id: 2 }]),
  get('/todos?due=is.null&select=id', [{ id: 3 }]),
  get('/todos?due=eq.2018-01-02T00:00:00Z&select=id', [{ id: 1 }]),
  get('/todos?select=shade&order=shade.desc&limit=1', [{ shade: '#01E240' }]),
  get('/todos_view?select=id,shade&id=eq.2', [{ id: 2, shade: '#000100' }]),
  get('/todos_view?shade=eq.000100&select=name', [{ name: 'essay' }]),
  get('/follow_ups?select=id,first(name,shade),second(due)', [
    { id: 1, first: { name: 'essay', shade: '#000100' }, second: { due: null } },
  ]),
  get('/todos?select=name,follow_ups!first(id)&id=eq.2', [{ name: 'essay', follow_ups: [{ id: 1 }] }]),
  get('/follow_ups?select=...second(shade)', [{ shade: '#01E240' }]),
  get('/follow_ups?select=id,first(id)&first.shade=eq.000000', [{ id: 1, first: null }]),
  write('POST', '/todos?select=id,shade', { id: 5, shade: '#001100' }, [{ id: 5, shade: '#001100' }], 201),
  write(
    'POST',
    '/todos?select=shade',
    [
      { id: 5, shade: '#001100' },
      { id: 6, shade: '#00ffff' },
    ],
    [{ shade: '#001100' }, { shade: '#00FFFF' }],
    201,
  ),
  write(
    'POST',
    '/todos?columns=id,shade&select=shade',
    { id: 5, shade: '#001100', name: 'ignored' },
    [{ shade: '#001100' }],
    201,
  ),
  write('PATCH', '/todos?id=eq.2&select=shade', { shade: '#abcdef' }, [{ shade: '#ABCDEF' }]),
  write('PATCH', '/todos?shade=eq.000100&select=id', { name: 'found by shade' }, [{ id: 2 }]),
  write('PATCH', '/todos_view?id=eq.2&select=shade', { shade: '#abcdef' }, [{ shade: '#ABCDEF' }]),
  write('DELETE', '/follow_ups?id=eq.1&select=id', undefined, [{ id: 1 }]),
  shown(
    'POST',
    '/todos?columns=id,shade&select=id,shade',
    { status: 201, json: [{ id: 7, shade: '#000000' }] },
    { body: { id: 7 }, headers: { prefer: 'return=representation, missing=default' } },
  ),
  shown(
    'POST',
    '/todos?select=id,shade',
    { status: 201, json: [{ id: 8, shade: '#0A0B0C' }] },
    { body: 'id,shade\n8,#0a0b0c\n', headers: { ...REPRESENTATION, 'content-type': 'text/csv' } },
  ),
];
