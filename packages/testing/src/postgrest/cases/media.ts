/** Media types that the database defines. */
import { group, type PostgrestCase } from '../case.ts';

const media = group('G11');

const get = (path: string, accept: string, expected: Parameters<typeof media>[2]) =>
  media('GET', path, expected, { headers: { accept } });
const typed = (type: string, more: object) => ({ headers: { 'content-type': type }, ...more });
const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/png,*/*;q=0.8';
const refused = { status: 406, json: { code: 'PGRST107' } };
const octets = typed('application/octet-stream', { text: 'any' });

export const mediaCases: readonly PostgrestCase[] = [
  get('/rpc/page', 'text/html', typed('text/html', { text: '<h1>hello</h1>' })),
  get('/rpc/page.html', 'text/html', typed('text/html', { text: '<p>dotted</p>' })),
  get('/rpc/page', BROWSER, typed('text/html', { text: '<h1>hello</h1>' })),
  get('/rpc/page', 'application/json', { json: '<h1>hello</h1>' }),
  get('/rpc/document', 'text/xml', typed('text/xml; charset=utf-8', { text: '<a/>' })),
  get('/rpc/plain_text', 'text/plain', typed('text/plain; charset=utf-8', { text: 'plain' })),
  get('/rpc/plain_text', 'text/xml', refused),
  get('/rpc/image', 'image/png', typed('image/png', { bytes: '89504e47' })),
  get('/rpc/image', 'image/png, */*', typed('image/png', { bytes: '89504e47' })),
  get('/rpc/image', BROWSER, typed('image/png', { bytes: '89504e47' })),
  get('/rpc/no_image', 'image/png', typed('image/png', { text: '' })),
  get('/rpc/bytes', 'application/octet-stream', typed('application/octet-stream', { bytes: 'ff00' })),
  get('/rpc/page', 'text/tab-separated-values', refused),
  get('/rpc/twice', 'text/html', refused),

  get('/rpc/anything', '*/*', octets),
  get('/rpc/anything', 'app/bingo', octets),
  get('/rpc/anything', 'text/bango', octets),
  get('/rpc/anything', 'image/boingo', octets),
  get('/rpc/some_types', '*/*', typed('app/groucho', { text: 'groucho' })),
  get('/rpc/some_types', 'app/harpo', typed('app/harpo', { text: 'harpo' })),
  get('/rpc/some_types', 'app/chico', { status: 406, json: { code: 'PT406', message: 'Not Acceptable' } }),

  get('/shapes?order=id', 'application/vnd.shape', typed('application/vnd.shape', { bytes: '646f74ff6c696e65ff' })),
  get('/shapes?id=eq.1', 'application/vnd.shape', { bytes: '646f74ff' }),
  get('/rpc/get_shapes', 'application/vnd.shape', { bytes: '646f74ff6c696e65ff' }),
  get('/rpc/get_shapes?id=eq.2', 'application/vnd.shape', { bytes: '6c696e65ff' }),
  get('/rpc/get_shapes', 'application/octet-stream', refused),
  get('/shapes?select=id', 'application/vnd.shape', refused),
  get('/shapes?select=id,name,id', 'application/vnd.shape', refused),
  get('/shapes?select=name,id', 'application/vnd.shape', refused),
  get('/shapes?select=id,name', 'application/vnd.shape', refused),
  get('/clients', 'application/vnd.shape', refused),
  get('/shapes', 'text/plain', refused),

  get(
    '/clients?order=id',
    'text/tab-separated-values',
    typed('text/tab-separated-values', { text: '1\tAnn\n2\tBen\n' }),
  ),
  get('/clients?id=in.(1,2)&order=id', 'pg/row', typed('pg/row', { text: '(1,Ann)\n(2,Ben)\n' })),
  get('/clients?select=name&order=id', 'pg/row', { text: '(Ann)\n(Ben)\n' }),
  get('/clients?select=name,id&order=id', 'pg/row', { text: '(Ann,1)\n(Ben,2)\n' }),
  get('/items?select=id,label&id=eq.1', 'pg/row', { text: '(1,"1-item 1")\n' }),
  get('/overridden', 'application/json', typed('application/json; charset=utf-8', { json: { overridden: 'true' } })),
  get('/clients?id=eq.1', 'application/vnd.pgrst.object', {
    json: { id: 1, name: 'Ann' },
    headers: { 'content-type': 'application/vnd.pgrst.object+json; charset=utf-8' },
  }),
  get('/clients?id=eq.1', 'text/plain, application/json', { json: [{ id: 1, name: 'Ann' }] }),
  get('/clients?id=eq.1', 'application/vnd.unknown', refused),
  get('/clients?select=id&id=eq.1', 'text/csv', { text: 'id\n1' }),
];
