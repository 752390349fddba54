/** Arguments and results of functions. */
import { EXACT, group, type PostgrestCase, REPRESENTATION, SINGULAR } from '../case.ts';

const outs = group('G04');
const empty = group('G07');
const bytes = group('G12');
const beyond = group('G29');
const heads = group('G32');
const scalarCounts = group('G33');
const affected = group('G34');
const unknown = group('G39');
const columns = group('G45');
const arrays = group('G46');
const names = group('G47');
const domains = group('G48');
const lengths = group('G50');
const overloads = group('G51');
const computed = group('G60');
const composites = group('G61');

const notFound = (called: string, details: string) => ({
  status: 404,
  json: {
    code: 'PGRST202',
    message: `Could not find the function test.${called} in the schema cache`,
    details: `Searched for the function test.${details}, but no matches were found in the schema cache.`,
  },
});
const OR_JSON = 'or with a single unnamed json/jsonb parameter';
const third = { id: 3, name: 'item 3', note: null };

export const functionCases: readonly PostgrestCase[] = [
  outs('POST', '/rpc/one_out', { json: { num: 5 } }, { body: {} }),
  outs('GET', '/rpc/one_out', { json: { num: 5 } }),
  outs('POST', '/rpc/one_inout', { json: { num: 3 } }, { body: { num: 2 } }),
  outs('GET', '/rpc/one_column', { json: [{ a: 'A' }, { a: 'B' }] }),
  outs('GET', '/rpc/one_column?a=eq.B', { json: [{ a: 'B' }] }),
  outs('GET', '/rpc/set_of_out?limit=2&order=a.desc', { json: [3, 2].map((a) => ({ a })) }),
  outs('POST', '/rpc/two_out', { json: { x: 1, y: 'one' } }, { body: {} }),

  empty('GET', '/items?select=&limit=2', { json: [{}, {}] }),
  empty('GET', '/projects?select=id,tasks()&id=eq.1', { json: [{ id: 1 }] }),
  empty('GET', '/projects?select=id,clients()&id=eq.1', { json: [{ id: 1 }] }),
  empty('GET', '/clients?select=id,projects(tasks())&id=eq.2', { json: [{ id: 2, projects: [{}] }] }),
  empty(
    'POST',
    '/items?select=',
    { status: 201, json: [{}] },
    { body: { id: 900, name: 'x' }, headers: REPRESENTATION },
  ),
  empty('PATCH', '/items?id=eq.1&select=', { json: [{}] }, { body: { name: 'x' }, headers: REPRESENTATION }),
  empty('DELETE', '/items?id=eq.1&select=', { json: [{}] }, { headers: REPRESENTATION }),
  empty('GET', '/rpc/get_items?high=2&select=', { json: [{}, {}] }),

  bytes(
    'POST',
    '/rpc/whole_bytes',
    { bytes: '00ff0a' },
    {
      body: Uint8Array.from([0, 255, 10]),
      headers: { 'content-type': 'application/octet-stream', accept: 'application/octet-stream' },
    },
  ),
  bytes(
    'POST',
    '/rpc/whole_bytes',
    { json: '\\x00ff0a' },
    {
      body: Uint8Array.from([0, 255, 10]),
      headers: { 'content-type': 'application/octet-stream', accept: 'application/json' },
    },
  ),
  bytes(
    'POST',
    '/rpc/whole_text',
    { json: 'some text' },
    { body: 'some text', headers: { 'content-type': 'text/plain' } },
  ),

  beyond(
    'GET',
    '/rpc/get_items?high=3&offset=5',
    { status: 416, headers: { 'content-range': '*/3' } },
    { headers: EXACT },
  ),
  beyond(
    'GET',
    '/rpc/get_items?high=3',
    { status: 416, json: { code: 'PGRST103' } },
    { headers: { ...EXACT, range: '5-9' } },
  ),
  beyond('POST', '/rpc/get_items?offset=5', { status: 416 }, { body: { high: 3 }, headers: EXACT }),
  beyond('GET', '/rpc/get_items?high=3&offset=5', { json: [], headers: { 'content-range': '*/*' } }),
  beyond(
    'GET',
    '/rpc/get_items?high=3&limit=2',
    { status: 206, headers: { 'content-range': '0-1/3' } },
    { headers: EXACT },
  ),

  heads('HEAD', '/rpc/get_items?high=3', { text: '', headers: { 'content-range': '0-2/*' } }),

  scalarCounts('GET', '/rpc/add?a=1', { json: 11, headers: { 'content-range': '0-0/1' } }, { headers: EXACT }),
  scalarCounts(
    'POST',
    '/rpc/add',
    { json: 3, headers: { 'content-range': '0-0/1' } },
    { body: { a: 1, b: 2 }, headers: EXACT },
  ),
  scalarCounts('GET', '/rpc/one_item?id=2', { headers: { 'content-range': '0-0/1' } }, { headers: EXACT }),

  affected(
    'POST',
    '/rpc/get_items',
    { status: 400, json: { code: 'PGRST124' } },
    { body: { high: 5 }, headers: { prefer: 'handling=strict, max-affected=4' } },
  ),
  affected(
    'POST',
    '/rpc/get_items',
    { headers: { 'preference-applied': 'handling=strict, max-affected=5' } },
    { body: { high: 5 }, headers: { prefer: 'handling=strict, max-affected=5' } },
  ),
  affected(
    'POST',
    '/rpc/add',
    { status: 400, json: { code: 'PGRST128' } },
    { body: { a: 1 }, headers: { prefer: 'handling=strict, max-affected=5' } },
  ),

  unknown('POST', '/rpc/great', notFound('great without parameters', `great without parameters ${OR_JSON}`), {
    body: {},
  }),
  unknown('GET', '/rpc/great', notFound('great without parameters', 'great without parameters')),
  unknown('GET', '/rpc/greet?nam=x', notFound('greet(nam)', 'greet with parameter nam')),
  unknown('POST', '/rpc/greet', notFound('greet(age, nam)', `greet with parameters age, nam ${OR_JSON}`), {
    body: { nam: 'x', age: 1 },
  }),
  unknown('POST', '/rpc/greet', notFound('greet', 'greet with a single unnamed text parameter'), {
    body: 'x',
    headers: { 'content-type': 'text/plain' },
  }),
  unknown('POST', '/rpc/greet', notFound('greet', 'greet with a single unnamed bytea parameter'), {
    body: 'x',
    headers: { 'content-type': 'application/octet-stream' },
  }),
  unknown('POST', '/rpc/greet', notFound('greet', 'greet with a single unnamed xml parameter'), {
    body: '<x/>',
    headers: { 'content-type': 'text/xml' },
  }),
  unknown('GET', '/rpc/greet?name=x&more=1', { json: { code: 'PGRST202' }, status: 404 }),
  unknown('GET', '/rpc/get_items?low=1&nothing=2', { status: 404, json: { code: 'PGRST202' } }),
  unknown('GET', '/rpc/same_name?a=1', { status: 404, json: { code: 'PGRST202' } }),

  columns('POST', '/rpc/add?columns=a', { json: 11 }, { body: { a: 1, b: 2 } }),
  columns(
    'POST',
    '/rpc/get_items?columns=high',
    { json: [{ id: 1, name: 'item 1', note: null }] },
    { body: { high: 1, smell: 2 } },
  ),
  arrays('POST', '/rpc/add', { json: 3 }, { body: [{ a: 1, b: 2 }, { a: 5 }] }),

  names('GET', '/rpc/by_id?id=eq.3', { json: [third] }),
  names('GET', '/rpc/by_id?id=14', { json: [14, 15].map((id) => ({ id, name: `item ${id}`, note: null })) }),

  domains('GET', '/rpc/as_domain?select=name', { json: { name: 'two' } }),
  domains('GET', '/rpc/as_domain?select=id,name', { json: { id: 2, name: 'two' } }),

  lengths('GET', '/rpc/padded?code=abc', { json: '[abc]' }),
  lengths('POST', '/rpc/padded', { json: '[abcde]' }, { body: { code: 'abcde' } }),
  lengths('GET', '/rpc/bits?mask=1010', { json: '1010' }),
  lengths('POST', '/rpc/bits', { json: '0001' }, { body: { mask: '0001' } }),

  overloads('POST', '/rpc/either', { status: 300, json: { code: 'PGRST203' } }, { body: { x: 1 } }),
  overloads('GET', '/rpc/same_name?a=1&b=2', { json: 1 }),
  overloads('GET', '/rpc/same_name?a=1&c=x', { json: 2 }),

  computed('GET', '/rpc/get_items?high=2&select=id,label', {
    json: [1, 2].map((id) => ({ id, label: `${id}-item ${id}` })),
  }),
  computed('GET', '/rpc/get_items?label=eq.2-item 2&select=id', { json: [{ id: 2 }] }),

  composites('GET', '/rpc/parted?select=part->name,part->>size', { json: [{ name: 'bolt', size: '8' }] }),
  composites('GET', '/boxes?select=part->name,tags->a->b', { json: [{ name: 'bolt', b: 1 }] }),
  composites('GET', '/boxes?part->>size=eq.8&select=id', { json: [{ id: 1 }] }),

  group('G01')(
    'POST',
    '/rpc/add_items',
    { status: 406, json: { code: 'PGRST116' } },
    { body: { names: ['committed one', 'committed two'] }, headers: { ...SINGULAR, prefer: 'tx=commit' } },
  ),
];

/** Played last: the request of this group prefers tx=commit, and fails. */
export const nothingCommitted = group('G01')('GET', '/items?name=like.committed*', { json: [] });
