/** INSERT, UPDATE, upserts and DELETE. */
import { group, type PostgrestCase, REPRESENTATION, SINGULAR } from '../case.ts';

const singular = group('G02');
const defaults = group('G09');
const noType = group('G18');
const deferred = group('G37');
const locations = group('G41');
const upserts = group('G42');
const puts = group('G43');
const applied = group('G64');

const refused = { status: 406, json: { code: 'PGRST116' } };
const emptyAnswer = (status: number) => ({ status, text: '', headers: { 'content-type': null } });
const headersOnly = { prefer: 'return=headers-only' };
const MERGE = 'resolution=merge-duplicates';

export const writeCases: readonly PostgrestCase[] = [
  singular('PATCH', '/items?id=gt.3', refused, { body: { name: 'all' }, headers: SINGULAR }),
  singular('PATCH', '/items?id=eq.777', refused, { body: { name: 'none' }, headers: SINGULAR }),
  singular('PATCH', '/items?id=gt.3', refused, { body: { name: 'all' }, headers: { ...SINGULAR, ...REPRESENTATION } }),
  singular('PATCH', '/items?id=eq.3', emptyAnswer(204), { body: { name: 'one' }, headers: SINGULAR }),
  singular('POST', '/items', refused, { body: [{ name: 'a' }, { name: 'b' }], headers: SINGULAR }),
  singular('POST', '/items', refused, { body: [], headers: SINGULAR }),
  singular('POST', '/items', emptyAnswer(201), { body: { name: 'a' }, headers: SINGULAR }),
  singular('POST', '/items', refused, {
    body: [{ name: 'a' }, { name: 'b' }],
    headers: { ...SINGULAR, prefer: 'return=minimal' },
  }),
  singular('DELETE', '/items?id=gt.3', refused, { headers: SINGULAR }),
  singular('DELETE', '/items?id=eq.777', refused, { headers: SINGULAR }),
  singular('DELETE', '/items?id=eq.3', emptyAnswer(204), { headers: SINGULAR }),
  singular('GET', '/items?id=in.(1,3)&select=name', { json: [{ name: 'item 1' }, { name: 'item 3' }] }),

  defaults(
    'PATCH',
    '/items?id=eq.1&columns=name,note&select=name,note',
    {
      json: [{ name: 'unnamed', note: 'n' }],
      headers: { 'preference-applied': 'missing=default, return=representation' },
    },
    { body: { note: 'n' }, headers: { prefer: 'return=representation, missing=default' } },
  ),
  defaults(
    'PATCH',
    '/items?id=eq.1&columns=name,note&select=name,note',
    { json: [{ name: null, note: 'n' }] },
    { body: { note: 'n' }, headers: REPRESENTATION },
  ),
  defaults(
    'POST',
    '/items?columns=name,note&select=name,note',
    {
      status: 201,
      json: [
        { name: 'unnamed', note: 'n' },
        { name: 'b', note: null },
      ],
    },
    { body: [{ note: 'n' }, { name: 'b' }], headers: { prefer: 'return=representation, missing=default' } },
  ),

  noType('POST', '/items', emptyAnswer(201), { body: { name: 'a' } }),
  noType('POST', '/items', emptyAnswer(201), { body: [{ name: 'a' }, { name: 'b' }] }),
  noType('POST', '/items', emptyAnswer(201), { body: {} }),
  noType('POST', '/items', emptyAnswer(201), { body: [{}, {}] }),
  noType('POST', '/items', emptyAnswer(201), { body: { name: 'a' }, headers: { prefer: 'return=minimal' } }),
  noType('POST', '/items', emptyAnswer(201), { body: { name: 'a' }, headers: headersOnly }),
  noType('POST', '/items', emptyAnswer(201), {
    body: 'name=form&note=x',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }),
  noType('POST', '/items', emptyAnswer(201), {
    body: 'name,note\na,b\nc,NULL\n',
    headers: { 'content-type': 'text/csv' },
  }),
  noType('POST', '/no_key', emptyAnswer(201), { body: { a: 'x' } }),
  noType('POST', '/items_view', emptyAnswer(201), { body: { id: 901, name: 'view' } }),
  noType('PATCH', '/items?id=eq.1', emptyAnswer(204), { body: { name: 'a' } }),
  noType('PATCH', '/items?id=eq.1', emptyAnswer(204), { body: { name: 'a' }, headers: { prefer: 'return=minimal' } }),
  noType('PATCH', '/items?id=eq.1', emptyAnswer(204), { body: { name: 'a' }, headers: headersOnly }),
  noType('PATCH', '/items?id=eq.777', emptyAnswer(204), { body: { name: 'a' } }),
  noType('PATCH', '/items?id=eq.1', emptyAnswer(204), { body: {} }),
  noType('DELETE', '/items?id=eq.1', emptyAnswer(204)),
  noType('DELETE', '/items?id=eq.1', emptyAnswer(204), { headers: { prefer: 'count=exact' } }),
  noType('PUT', '/pairs?k1=eq.1&k2=eq.one', emptyAnswer(204), { body: { k1: 1, k2: 'one', extra: 2 } }),
  noType('PUT', '/pairs?k1=eq.2&k2=eq.two', emptyAnswer(201), { body: { k1: 2, k2: 'two', extra: 2 } }),
  noType('POST', '/rpc/nothing', emptyAnswer(204), { body: {} }),

  deferred('POST', '/audit', { status: 409, json: { code: '23505' } }, { body: { id: 2, place: 1 } }),
  deferred('POST', '/rpc/change_audit', { status: 409, json: { code: '23505' } }, { body: {} }),
  deferred('POST', '/audit', emptyAnswer(201), { body: { id: 3, place: 2 } }),

  locations(
    'POST',
    '/team_sponsors',
    { ...emptyAnswer(201), headers: { location: '/team_sponsors?id=eq.1&sponsor_id=is.null' } },
    { body: { id: 1 }, headers: headersOnly },
  ),
  locations(
    'POST',
    '/items_view',
    { ...emptyAnswer(201), headers: { location: '/items_view?id=eq.902' } },
    { body: { id: 902 }, headers: headersOnly },
  ),
  locations(
    'POST',
    '/cars',
    { ...emptyAnswer(201), headers: { location: '/cars?name=eq.F40&year=eq.2021' } },
    { body: { name: 'F40', year: 2021 }, headers: headersOnly },
  ),
  locations(
    'POST',
    '/no_key',
    { ...emptyAnswer(201), headers: { location: null } },
    { body: { a: '1' }, headers: headersOnly },
  ),

  upserts(
    'PUT',
    '/cars?name=eq.Enzo&year=eq.2020&select=price',
    { json: [{ price: 7 }] },
    { body: { name: 'Enzo', year: 2020, price: 7 }, headers: REPRESENTATION },
  ),
  upserts(
    'PUT',
    '/cars?name=eq.New&year=eq.2021&select=price',
    { status: 201, json: [{ price: 7 }] },
    { body: { name: 'New', year: 2021, price: 7 }, headers: REPRESENTATION },
  ),
  upserts(
    'POST',
    '/pairs',
    { status: 201, json: [] },
    { body: [], headers: { prefer: `return=representation, ${MERGE}` } },
  ),
  upserts(
    'POST',
    '/pairs',
    { status: 200, json: [{ k1: 1, k2: 'one', extra: 3 }] },
    { body: { k1: 1, k2: 'one', extra: 3 }, headers: { prefer: `return=representation, ${MERGE}` } },
  ),
  upserts(
    'POST',
    '/pairs',
    { status: 201, json: [{ k1: 5, k2: 'five', extra: 3 }] },
    {
      body: [
        { k1: 1, k2: 'one', extra: 3 },
        { k1: 5, k2: 'five', extra: 3 },
      ],
      headers: { prefer: 'return=representation, resolution=ignore-duplicates' },
    },
  ),

  puts(
    'PUT',
    '/pairs?k1=eq.1&k2=eq.one&limit=1',
    { status: 400, json: { code: 'PGRST114' } },
    { body: { k1: 1, k2: 'one', extra: 2 } },
  ),
  puts(
    'PUT',
    '/pairs?k1=eq.1&k2=eq.one&offset=1',
    { status: 400, json: { code: 'PGRST114' } },
    { body: { k1: 1, k2: 'one', extra: 2 } },
  ),
  puts('PUT', '/pairs?k1=eq.1', { status: 405, json: { code: 'PGRST105' } }, { body: { k1: 1, k2: 'one', extra: 2 } }),
  puts(
    'PUT',
    '/pairs?k1=eq.1&k2=eq.two',
    { status: 400, json: { code: 'PGRST115' } },
    { body: { k1: 1, k2: 'one', extra: 2 } },
  ),

  applied(
    'POST',
    '/no_key',
    { status: 201, headers: { 'preference-applied': null } },
    { body: { a: '1' }, headers: { prefer: MERGE } },
  ),
  applied(
    'POST',
    '/pairs',
    { status: 201, headers: { 'preference-applied': MERGE } },
    { body: { k1: 8, k2: 'x' }, headers: { prefer: MERGE } },
  ),
];
