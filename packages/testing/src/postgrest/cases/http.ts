/** Methods, paths, ranges and headers. */
import { EXACT, group, type PostgrestCase } from '../case.ts';

const options = group('G17');
const proxies = group('G22');
const paths = group('G23');
const ranges = group('G28');
const negative = group('G30');
const heads = group('G31');
const wording = group('G62');

const allows = (path: string, allow: string) => options('OPTIONS', path, { headers: { allow } });
const ALL = 'OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE';
const WITHOUT_PUT = 'OPTIONS,GET,HEAD,POST,PATCH,DELETE';
const READS = 'OPTIONS,GET,HEAD';
const beyond = { status: 416, json: { code: 'PGRST103' }, headers: { 'content-range': '*/15' } };

export const httpCases: readonly PostgrestCase[] = [
  allows('/items', ALL),
  allows('/pairs', ALL),
  allows('/no_key', WITHOUT_PUT),
  allows('/cars', ALL),
  allows('/items_view', ALL),
  allows('/names_only', WITHOUT_PUT),
  allows('/counted', READS),
  allows('/failing', READS),
  allows('/team_sponsors', 'OPTIONS,GET,HEAD,POST'),
  allows('/rpc/nothing', 'OPTIONS,POST'),
  allows('/rpc/greet', 'OPTIONS,GET,HEAD,POST'),
  allows('/rpc/page', 'OPTIONS,GET,HEAD,POST'),
  allows('/', READS),
  options('OPTIONS', '/unknown', { status: 404, json: { code: 'PGRST205' } }),
  options('OPTIONS', '/rpc/unknown', { status: 404, json: { code: 'PGRST202' } }),

  proxies('GET', '/nested/path', { status: 404, headers: { 'proxy-status': 'PostgREST; error=PGRST125' } }),
  proxies('GET', '/unknown', {
    status: 404,
    json: { code: 'PGRST205', message: "Could not find the table 'test.unknown' in the schema cache" },
    headers: { 'proxy-status': 'PostgREST; error=PGRST205' },
  }),
  proxies(
    'GET',
    '/clients',
    { status: 401, headers: { 'proxy-status': 'PostgREST; error=PGRST301' } },
    { as: 'Bearer x' },
  ),
  proxies('GET', '/clients?unknown=eq.1', { status: 400, headers: { 'proxy-status': 'PostgREST; error=42703' } }),

  paths('GET', '/clients/1', {
    status: 404,
    json: { code: 'PGRST125', message: 'Invalid path specified in request URL' },
  }),
  paths('POST', '/rpc/a/b', { status: 404, json: { code: 'PGRST125' } }, { body: {} }),

  ranges('GET', '/items?offset=99', beyond, { headers: EXACT }),
  ranges('GET', '/items', beyond, { headers: { ...EXACT, range: '99-100' } }),
  ranges('HEAD', '/items?offset=99', { status: 416, headers: { 'content-range': '*/15' } }, { headers: EXACT }),
  ranges('GET', '/items?offset=99', { json: [], headers: { 'content-range': '*/*' } }),
  ranges(
    'GET',
    '/items?select=id&limit=2&offset=1',
    { status: 206, json: [{ id: 2 }, { id: 3 }], headers: { 'content-range': '1-2/15' } },
    { headers: EXACT },
  ),

  negative('GET', '/items?offset=-4&select=id&limit=1', { json: [{ id: 1 }] }),

  heads('HEAD', '/items', { headers: { 'content-range': '0-14/*' } }, { headers: { range: '0-1' } }),
  heads('HEAD', '/items', { headers: { 'content-range': '0-14/15' } }, { headers: { ...EXACT, range: '0-1' } }),
  heads('HEAD', '/items?limit=2', { headers: { 'content-range': '0-1/*' } }, { headers: { range: '0-0' } }),

  wording('GET', '/clients?id=unknown.1', { status: 400, json: { code: 'PGRST100' } }),
  wording(
    'POST',
    '/items',
    { status: 400, json: { code: 'PGRST102', message: 'All object keys must match' } },
    { body: [{ name: 'a' }, { note: 'b' }] },
  ),
  wording(
    'POST',
    '/items',
    { status: 400, json: { code: 'PGRST102', message: 'Empty or invalid json' } },
    { body: '}{ x = 2' },
  ),
];
