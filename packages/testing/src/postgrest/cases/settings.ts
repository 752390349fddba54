/** Settings of requests and of responses: RAISE, time zones, pre-request, search path, app.settings. */
import { group, type PostgrestCase } from '../case.ts';

const raised = group('G13');
const zones = group('G14');
const before = group('G15');
const path = group('G38');
const settings = group('G49');
const headers = group('G52');
const codes = group('G53');

const badRaise = (details: string) => ({ status: 500, json: { code: 'PGRST121', details } });
const LOS_ANGELES = '2023-10-18T05:37:59-07:00';
const UTC = '2023-10-18T12:37:59+00:00';
const zone = (timezone: string, more = '') => ({ prefer: `${more}timezone=${timezone}` });

export const settingCases: readonly PostgrestCase[] = [
  raised('GET', '/rpc/raise_full', {
    status: 332,
    json: { code: '123', message: 'ABC', details: 'DEF', hint: 'XYZ' },
    headers: { 'x-header': 'str', 'proxy-status': 'PostgREST; error=123' },
  }),
  raised('POST', '/rpc/raise_full', { status: 332, headers: { 'x-header': 'str' } }, { body: {} }),
  raised('GET', '/rpc/raise_plain', { status: 404, json: { code: '123', message: 'ABC', details: null, hint: null } }),
  raised('GET', '/rpc/raise_bad_message', badRaise("Invalid JSON value for MESSAGE: 'INVALID'")),
  raised('GET', '/rpc/raise_bad_details', badRaise("Invalid JSON value for DETAIL: 'INVALID'")),
  raised('GET', '/rpc/raise_no_details', badRaise('DETAIL is missing in the RAISE statement')),

  zones(
    'GET',
    '/moments?select=at',
    { json: [{ at: LOS_ANGELES }], headers: { 'preference-applied': 'timezone=America/Los_Angeles' } },
    { headers: zone('America/Los_Angeles') },
  ),
  zones(
    'GET',
    '/moments?select=at',
    { json: [{ at: UTC }], headers: { 'preference-applied': null } },
    { headers: zone('Nowhere/Town') },
  ),
  zones('GET', '/moments?select=at', { json: [{ at: UTC }] }),
  zones(
    'GET',
    '/moments?select=at',
    { status: 400, json: { code: 'PGRST122' } },
    { headers: zone('Nowhere/Town', 'handling=strict, ') },
  ),
  zones(
    'GET',
    '/moments?select=at',
    { json: [{ at: LOS_ANGELES }], headers: { 'preference-applied': 'handling=strict, timezone=America/Los_Angeles' } },
    { headers: zone('America/Los_Angeles', 'handling=strict, ') },
  ),
  zones(
    'GET',
    '/rpc/zone',
    { json: LOS_ANGELES, headers: { 'preference-applied': 'timezone=America/Los_Angeles' } },
    { headers: zone('America/Los_Angeles') },
  ),
  zones(
    'POST',
    '/moments?select=at',
    { status: 201, json: [{ at: LOS_ANGELES }] },
    {
      body: { id: 2, at: '2023-10-18T12:37:59Z' },
      headers: zone('America/Los_Angeles', 'return=representation, '),
    },
  ),
  zones(
    'PATCH',
    '/moments?id=eq.1&select=at',
    { json: [{ at: LOS_ANGELES }] },
    {
      body: { at: '2023-10-18T12:37:59Z' },
      headers: zone('America/Los_Angeles', 'return=representation, '),
    },
  ),

  before(
    'POST',
    '/rpc/me',
    { json: 'authenticated' },
    { body: {}, as: { role: 'anon', id: 1 }, gateway: 'pre-request' },
  ),
  before('POST', '/rpc/me', { json: 'anon' }, { body: {}, as: { role: 'anon', id: 2 }, gateway: 'pre-request' }),
  before(
    'POST',
    '/rpc/me',
    { status: 400, json: { code: 'P0001', message: 'Disabled ID --> 3', hint: 'Please contact administrator' } },
    { body: {}, as: { role: 'anon', id: 3 }, gateway: 'pre-request' },
  ),
  before('GET', '/clients?id=eq.1', { headers: { 'x-before': 'yes' } }, { gateway: 'pre-request' }),
  before('HEAD', '/clients?id=eq.1', { headers: { 'x-before': 'yes' } }, { gateway: 'pre-request' }),
  before(
    'PATCH',
    '/items?id=eq.1',
    { status: 204, headers: { 'x-before': 'yes' } },
    { body: { name: 'x' }, gateway: 'pre-request' },
  ),

  path('GET', '/spans?span=cs.(4,5)&select=id&order=id', { json: [{ id: 1 }, { id: 2 }] }),
  path('GET', '/spans?span=cs.(2,8)&select=id', { json: [{ id: 1 }] }),
  path('GET', '/spans?span=not.cs.(2,8)&select=id', { json: [{ id: 2 }] }),
  path('GET', '/rpc/doubled?n=1', { status: 404, json: { code: 'PGRST202' } }),

  settings('GET', '/rpc/setting?name=app.settings.name', { json: 'harbour' }),
  settings('GET', '/rpc/path', { json: '/rpc/path' }),
  settings('POST', '/rpc/path', { json: '/rpc/path' }, { body: {} }),

  headers('GET', '/rpc/bad_headers', { status: 500, json: { code: 'PGRST111' } }),
  headers('GET', '/rpc/bad_status', { status: 500, json: { code: 'PGRST112' } }),
  headers('POST', '/rpc/good_headers', { status: 202, headers: { 'x-a': '1', 'set-cookie': 'a=b' } }, { body: {} }),

  codes('GET', '/failing', { status: 500, json: { code: '21000' } }),
  codes('GET', '/rpc/raise_402', {
    status: 402,
    json: { code: 'PT402', message: 'Payment Required', details: 'Quota exceeded', hint: 'Upgrade your plan' },
    headers: { 'proxy-status': 'PostgREST; error=PT402' },
  }),
];
