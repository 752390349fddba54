/** /api/v1/files over HTTP, on a real folder and a real database. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const LIMIT = 300_000;
const env = {
  FILES_MAX_BYTES: String(LIMIT),
  FILES_STALL_TIMEOUT_MS: '700',
  FILES_UPLOADS_MAX: '3',
  FILES_PER_FORM: '3',
};
const gateway = await useGateway(t, { env });
const { sql } = gateway;
const ada = { role: 'authenticated', sub: 'ada' };
const bob = { role: 'authenticated', sub: 'bob' };
const service = { role: 'service_role' };
const PNG = Buffer.from('89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489', 'hex');

interface Shown {
  id: string;
  path: string;
  [name: string]: unknown;
}
type Claims = Record<string, unknown>;

/** Without a Content-Type of its own, unlike the fixture's. */
async function request(path: string, { claims, ...init }: RequestInit & { claims?: Claims } = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (claims) headers.set('authorization', `Bearer ${await gateway.token(claims)}`);
  return fetch(`${gateway.url}${path}`, { ...init, headers });
}

async function send(
  path: string,
  body: RequestInit['body'],
  type: string | undefined,
  claims: Claims | undefined = ada,
  more = {},
) {
  return request(`/api/v1/files/${path}`, {
    method: 'PUT',
    body,
    ...(claims ? { claims } : {}),
    headers: { ...(type === undefined ? {} : { 'content-type': type }), ...more },
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as never);
}
const get = (path: string, headers: Record<string, string> = {}, claims: Claims | null = ada, method = 'GET') =>
  request(path, { method, headers, ...(claims ? { claims } : {}) });
const stored = async () =>
  (await readdir(gateway.filesDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile()).length;
const code = async (response: Response) => ((await response.json()) as { code: string }).code;

t.test('what is uploaded is a row, and comes back', async (t) => {
  const bytes = Buffer.concat([PNG, randomBytes(200_000)]);
  const answer = await send('photos/é 1.png', bytes, 'image/png', ada, {});
  t.equal(answer.status, 201);
  t.match(answer.headers.get('tidemark'), /^[0-9a-z]+-[0-9A-F]{16}$/);
  const row = (await answer.json()) as Shown;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  t.match(row, {
    ...{ path: 'photos/é 1.png', content_type: 'image/png', size: bytes.length, sha256, owner: 'ada' },
    href: answer.headers.get('location'),
  });
  t.notOk('storage_key' in row);
  const file = await get(row.href as string);
  t.equal(file.status, 200);
  t.ok(Buffer.from(await file.arrayBuffer()).equals(bytes));
  for (const [name, value] of Object.entries({
    ...{ 'content-type': 'image/png', 'content-length': String(bytes.length), etag: `"${sha256}"` },
    ...{ 'accept-ranges': 'bytes', 'x-content-type-options': 'nosniff' },
    'cache-control': 'private, max-age=31536000, immutable',
    'content-disposition': `inline; filename*=UTF-8''%C3%A9%201.png`,
    'content-security-policy': "default-src 'none'; sandbox",
  })) {
    t.equal(file.headers.get(name), value, name);
  }
  const crossOrigin = await get(row.href as string, { origin: 'https://app.example' });
  t.equal(crossOrigin.headers.get('access-control-allow-origin'), '*');
  t.equal(
    crossOrigin.headers.get('cross-origin-resource-policy'),
    'cross-origin',
    'pages of other origins may show it',
  );
  t.match(crossOrigin.headers.get('vary'), /Authorization/);
  const byPath = await get('/api/v1/files/photos/%C3%A9%201.png');
  t.equal(byPath.headers.get('cache-control'), 'private, no-cache');
  t.equal((await byPath.arrayBuffer()).byteLength, bytes.length);
  const head = await get(row.href as string, { range: 'bytes=0-1' }, ada, 'HEAD');
  t.equal(head.status, 200);
  t.equal(head.headers.get('content-length'), String(bytes.length));
  t.equal((await get(row.href as string, {}, bob)).status, 404);
  t.equal((await get(row.href as string, {}, null)).status, 404);
  t.equal((await get(row.href as string, {}, service)).status, 200);
  const rest = await get(`/rest/v1/files?id=eq.${row.id}`, { 'accept-profile': 'tidemark' });
  t.match(await rest.json(), [{ path: 'photos/é 1.png', sha256, owner: 'ada' }]);
});

t.test('ranges and conditions', async (t) => {
  const bytes = randomBytes(1_000);
  const { href } = (await (await send('ranges/a', bytes, undefined)).json()) as { href: string };
  const whole = await get(href);
  const etag = whole.headers.get('etag') as string;
  const modified = whole.headers.get('last-modified') as string;
  t.equal(whole.headers.get('content-type'), 'application/octet-stream');
  t.match(whole.headers.get('content-disposition'), /^attachment/);
  const part = await get(href, { range: 'bytes=10-19' });
  t.equal(part.status, 206);
  t.equal(part.headers.get('content-range'), 'bytes 10-19/1000');
  t.equal(part.headers.get('content-length'), '10');
  t.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(10, 20)));
  const beyond = await get(href, { range: 'bytes=1000-' });
  t.equal(beyond.status, 416);
  t.equal(beyond.headers.get('content-range'), 'bytes */1000');
  t.equal(await code(beyond), 'GATEWAY_FILE_RANGE');
  for (const [headers, status] of [
    [{ range: 'bytes=0-1,4-5' }, 200],
    [{ range: 'bytes=0-1', 'if-range': etag }, 206],
    [{ range: 'bytes=0-1', 'if-range': modified }, 206],
    [{ range: 'bytes=0-1', 'if-range': '"other"' }, 200],
    [{ 'if-none-match': etag }, 304],
    [{ 'if-none-match': etag, range: 'bytes=0-1' }, 304],
    [{ 'if-modified-since': modified }, 304],
    [{ 'if-match': '"other"' }, 412],
    [{ 'if-unmodified-since': 'Sat, 01 Jan 2000 00:00:00 GMT' }, 412],
  ] as const) {
    const answer = await get(href, headers);
    t.equal(answer.status, status, JSON.stringify(headers));
    const body = await answer.arrayBuffer();
    if (status === 304) t.same([body.byteLength, answer.headers.get('etag')], [0, etag]);
  }
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.string({ unit: fc.constantFrom(...'bytes=0123456789-, ') }),
        fc.tuple(fc.nat(1_500), fc.nat(1_500)).map(([a, b]) => `bytes=${a}-${b}`),
        fc.nat(1_500).map((n) => `bytes=-${n}`),
      ),
      async (range) => {
        const answer = await get(href, { range });
        const body = Buffer.from(await answer.arrayBuffer());
        if (answer.status === 200) return body.equals(bytes);
        if (answer.status === 416) return answer.headers.get('content-range') === 'bytes */1000';
        const [, from, to] = /^bytes (\d+)-(\d+)\/1000$/.exec(answer.headers.get('content-range') ?? '') ?? [];
        return answer.status === 206 && body.equals(bytes.subarray(Number(from), Number(to) + 1));
      },
    ),
    { numRuns: 150 },
  );
});

t.test('an empty file', async (t) => {
  const answer = await send('empty', null, undefined);
  t.equal(answer.status, 201);
  const { href, size } = (await answer.json()) as { href: string; size: number };
  t.equal(size, 0);
  t.equal((await (await get(href)).arrayBuffer()).byteLength, 0);
  t.equal((await get(href, { range: 'bytes=0-' })).status, 416);
});

t.test('what could run as a page is a download', async (t) => {
  for (const [type, body] of [
    ['text/html', '<script>alert(1)</script>'],
    ['image/svg+xml', '<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>'],
    ['application/xhtml+xml', '<html xmlns="http://www.w3.org/1999/xhtml"/>'],
    ['application/xml', '<a/>'],
  ] as const) {
    const { href } = (await (await send(`pages/${type}`, body, type)).json()) as { href: string };
    const file = await get(href);
    t.match(file.headers.get('content-disposition'), /^attachment;/, type);
    t.equal(file.headers.get('x-content-type-options'), 'nosniff');
    t.match(file.headers.get('content-security-policy'), /sandbox/);
    t.equal(await file.text(), body);
  }
});

t.test('types: declared against found', async (t) => {
  t.equal(await code(await send('types/a.png', '<html>', 'image/png')), 'FILES_TYPE_MISMATCH');
  t.equal(await code(await send('types/a.html', PNG, 'text/html')), 'FILES_TYPE_MISMATCH');
  t.equal((await send('types/a.png', '<html>', 'image/png')).status, 415);
  const found = (await (await send('types/b', PNG, 'application/octet-stream')).json()) as Shown;
  t.equal(found.content_type, 'image/png');
  t.equal(
    ((await (await send('types/c', PNG, 'application/x-www-form-urlencoded')).json()) as Shown).content_type,
    'image/png',
  );
  t.equal((await send('types/d', 'x', 'nonsense')).status, 415);
});

t.test('who may', async (t) => {
  const before = await stored();
  const anonymous = await request('/api/v1/files/who/1', { method: 'PUT', body: 'x' });
  t.equal(anonymous.status, 401);
  const forOther = await send('who/1?owner=bob', 'x', 'text/plain');
  t.equal(forOther.status, 403);
  t.equal(await code(forOther), '42501');
  t.equal((await send('who/1?owner=', 'x', 'text/plain')).status, 403, 'for everybody');
  t.equal((await send('jobs/1', 'x', 'text/plain')).status, 403, 'the batch service’s paths');
  t.equal((await send('who/1', 'x', 'text/plain', { role: 'authenticated' })).status, 403, 'nobody');
  t.equal(await stored(), before, 'refused before anything was stored');
  const everybody = await send('who/all?owner=&metadata={"k":[1]}', 'x', 'text/plain', service);
  t.equal(everybody.status, 201);
  const row = (await everybody.json()) as Shown;
  t.match(row, { owner: null, metadata: { k: [1] } });
  t.equal((await get(row.href as string, {}, null)).status, 200);
  t.equal((await request(row.href as string, { method: 'DELETE', claims: ada })).status, 404);
  t.equal((await request(row.href as string, { method: 'DELETE' })).status, 401);
  await sql`create policy no_big on tidemark.files as restrictive for insert to authenticated with check (size < 1000)`;
  t.teardown(() => sql`drop policy no_big on tidemark.files`);
  t.equal((await send('who/big', randomBytes(2_000), undefined)).status, 403);
  t.equal((await send('who/small', randomBytes(20), undefined)).status, 201);
  const chunked = await send('who/big', ReadableStream.from([randomBytes(2_000)]) as never, undefined);
  t.equal(chunked.status, 403, 'also where the size is known only afterwards');
});

t.test('a client cannot make a row by itself', async (t) => {
  const insert = (row: Claims) =>
    request('/rest/v1/files', {
      method: 'POST',
      claims: bob,
      headers: { 'content-profile': 'tidemark', 'content-type': 'application/json' },
      body: JSON.stringify(row),
    });
  const { id, sha256 } = (await (await send('forge/a', 'secret', 'text/plain')).json()) as Shown;
  t.match(await (await insert({ path: 'forge/b' })).json(), { code: 'PT400', hint: /PUT/ });
  t.equal(await code(await insert({ id: randomUUID(), path: 'forge/b' })), 'PT400');
  t.equal(await code(await insert({ id, path: 'forge/b' })), '23505');
  t.equal(await code(await insert({ path: 'forge/b', sha256, size: 6 })), '42501');
  const contents = await get('/rest/v1/file_contents', { 'accept-profile': 'tidemark' }, service);
  t.equal(contents.status, 403);
});

t.test('PUT replaces what is one’s own, POST does not', async (t) => {
  const first = (await (await send('same', 'one', 'text/plain')).json()) as Shown;
  const post = await request('/api/v1/files/same', { method: 'POST', body: 'two', claims: ada });
  t.equal(post.status, 409);
  t.equal(await code(post), 'FILES_PATH_TAKEN');
  t.equal((await send('same', 'two', 'text/plain', ada, { 'if-none-match': '*' })).status, 412);
  t.equal((await send('same', 'two', 'text/plain', bob)).status, 409);
  const second = await send('same', 'two', 'text/plain');
  t.equal(second.status, 200);
  const row = (await second.json()) as Shown;
  t.not(row.id, first.id);
  t.equal(await (await get('/api/v1/files/same')).text(), 'two');
  t.equal((await get(first.href as string)).status, 404);
  const gone = await request(`/api/v1/files/${row.id}`, { method: 'DELETE', claims: ada });
  t.equal(gone.status, 204);
  t.ok(gone.headers.get('tidemark'));
  t.equal((await get('/api/v1/files/same')).status, 404);
  t.equal((await request('/api/v1/files/same', { method: 'DELETE', claims: ada })).status, 404);
  t.equal(
    (await sql`select count(*)::int as n from tidemark.file_contents where id in (${row.id}, ${first.id})`)[0]!.n,
    0,
  );
});

t.test('names that climb, hide or lie', async (t) => {
  const before = await stored();
  for (const name of [
    ...['..%2f..%2fetc%2fpasswd', 'a/..%2fb', '%2e%2e', 'a/%2e/b', 'a//b', 'a/', '%2fetc', 'a%00b', 'a%0ab', 'a%5cb'],
    ...[randomUUID(), `${randomUUID()}/x`, 'x'.repeat(1_025), 'a%c2%85b'],
  ]) {
    const answer = await rawRequest(`PUT /api/v1/files/${name}`, await gateway.token(ada), 'x');
    t.match(answer, /^HTTP\/1\.1 400 /, name.slice(0, 40));
  }
  t.match(await rawRequest('PUT /api/v1/files/%ff', await gateway.token(ada), 'x'), /^HTTP\/1\.1 400 /);
  t.equal(await stored(), before);
  const long = `${'n'.repeat(512)}/${'é'.repeat(511)}`;
  t.equal((await send(encodeURI(long), 'x', 'text/plain')).status, 201, 'the longest there is');
  t.equal((await get(`/api/v1/files/${encodeURI(long)}`)).status, 200);
});

t.test('pages of a prefix', async (t) => {
  for (const name of ['b', 'a', 'c', 'd%25', 'e']) await send(`list/${name}`, name, 'text/plain');
  await send('list/x', 'x', 'text/plain', bob);
  const seen: string[] = [];
  let next: string | undefined = '/api/v1/files?prefix=list/&limit=2';
  while (next) {
    const page: Response = await get(next);
    t.ok(page.headers.get('tidemark'));
    seen.push(...((await page.json()) as Shown[]).map((file) => file.path));
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
  }
  t.same(seen, ['list/a', 'list/b', 'list/c', 'list/d%', 'list/e']);
  t.equal((await get('/api/v1/files?limit=0')).status, 400);
  const fresh = await send('list/f', 'x', 'text/plain');
  const after = await get('/api/v1/files?prefix=list/f', { tidemark: fresh.headers.get('tidemark') as string });
  t.equal(((await after.json()) as Shown[]).length, 1, 'reads its write from a replica');
});

t.test('a signed URL works without a token, as it is, until its time', async (t) => {
  const { id, href } = (await (await send('signed', 'hello', 'text/plain')).json()) as { id: string; href: string };
  const sign = (body: unknown, claims: Claims = ada) =>
    request(`${href}/sign`, { method: 'POST', body: JSON.stringify(body), claims });
  const { url } = (await (await sign({ expiresIn: 60 })).json()) as { url: string };
  const file = await get(url, {}, null);
  t.equal(await file.text(), 'hello');
  t.match(file.headers.get('cache-control'), /^private, max-age=(60|5\d), immutable$/);
  t.equal((await get(url, { range: 'bytes=1-2' }, null)).status, 206);
  t.equal((await get(url, {}, null, 'HEAD')).status, 200);
  const other = (await (await send('signed2', 'other', 'text/plain')).json()) as Shown;
  for (const wrong of [
    ...[url.replace(/expires=\d+/, 'expires=99999999999'), url.replace(id, other.id), `${href}?signature=x`],
    ...[url.replace(/signature=.*/, 'signature='), url.replace(/expires=\d+&/, '')],
  ]) {
    const answer = await get(wrong, {}, null);
    t.equal(await code(answer), 'GATEWAY_FILE_URL_INVALID', wrong);
    t.equal(answer.status, 403);
  }
  t.equal((await sign({ expiresIn: 60 }, bob)).status, 404);
  for (const bad of [{}, { expiresIn: 0 }, { expiresIn: 1.5 }, { expiresIn: 1e9 }, { expiresIn: '5' }, null]) {
    t.equal(await code(await sign(bad)), 'GATEWAY_FILE_EXPIRES_IN');
  }
  const short = (await (await sign({ expiresIn: 1 })).json()) as { url: string };
  const deadline = Date.now() + 10_000;
  let last = await get(short.url, {}, null);
  while (last.status === 200 && Date.now() < deadline) last = await get(short.url, {}, null);
  t.equal(await code(last), 'GATEWAY_FILE_URL_EXPIRED');
  await request(href, { method: 'DELETE', claims: ada });
  t.equal((await get(url, {}, null)).status, 404);
});

t.test('too large: refused by its declared length, and at the byte after the limit', async (t) => {
  const before = await stored();
  const declared = await send('large/1', randomBytes(LIMIT + 1), undefined);
  t.equal(declared.status, 413);
  t.match(await declared.json(), { code: 'FILES_TOO_LARGE', hint: /.+/, message: /300000/ });
  const chunked = await send('large/1', Readable.toWeb(Readable.from(chunks(LIMIT + 1))) as never, undefined);
  t.equal(chunked.status, 413);
  t.equal(await stored(), before, 'nothing of it is kept');
  t.equal((await send('large/1', randomBytes(LIMIT), undefined)).status, 201, 'the limit itself is allowed');
});

t.test('an upload that is cut off or stalls leaves nothing', async (t) => {
  const before = await stored();
  const token = await gateway.token(ada);
  const head = `PUT /api/v1/files/cut HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 100000\r\n\r\n`;
  for (let i = 0; i < 3; i++) {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.write(head);
    socket.write(randomBytes(50_000));
    await until(async () => (await stored()) > before);
    socket.destroy();
    await until(async () => (await stored()) === before);
  }
  const stalled = await rawRequest('PUT /api/v1/files/stall', token, 'x', 100_000);
  t.match(stalled, /^HTTP\/1\.1 408 [\s\S]*GATEWAY_FILE_STALLED/);
  t.equal(await stored(), before);
  t.equal((await get('/api/v1/files/cut')).status, 404);
});

t.test('uploads at a time have a limit', async (t) => {
  const token = await gateway.token(ada);
  const before = await stored();
  const slow = [1, 2, 3].map((i) => rawRequest(`PUT /api/v1/files/slow/${i}`, token, 'x'.repeat(50), 1_000));
  await until(async () => (await stored()) === before + 3);
  const refused = await send('slow/4', 'x', 'text/plain');
  t.equal(refused.status, 503);
  t.ok(refused.headers.get('retry-after'));
  t.equal(await code(refused), 'GATEWAY_FILE_UPLOADS_FULL');
  await Promise.all(slow);
  t.equal((await send('slow/4', 'x', 'text/plain')).status, 201);
  t.match(await (await get('/metrics')).text(), /tidemark_gateway_uploads\{[^}]*\} 0/);
});

t.test('forms', async (t) => {
  const post = (form: FormData, path = '', claims: Claims = ada) =>
    request(`/api/v1/files${path}`, { method: 'POST', body: form, claims });
  const form = (fields: Claims, files: [string, string | Buffer, string][]) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.append(name, String(value));
    for (const [name, bytes, type] of files) data.append('file', new Blob([bytes], { type }), name);
    return data;
  };
  const two = await post(
    form({ prefix: 'form/', metadata: '{"a":1}' }, [
      ['1.png', PNG, 'image/png'],
      ['2.txt', 'two', 'text/plain'],
    ]),
  );
  t.equal(two.status, 201);
  t.match(await two.json(), [
    { path: 'form/1.png', size: PNG.length, content_type: 'image/png', metadata: { a: 1 }, owner: 'ada' },
    { path: 'form/2.txt', size: 3 },
  ]);
  const one = await post(form({}, [['ignored', 'one', 'text/plain']]), '/form/one');
  t.match(await one.json(), { path: 'form/one' });
  t.ok(one.headers.get('location'));
  const before = await stored();
  for (const [data, path, expected] of [
    [form({}, []), '', 'GATEWAY_FILE_FORM'],
    [form({ nosuch: 1 }, [['a', 'x', 'text/plain']]), '', 'GATEWAY_FILE_FORM'],
    [form({ metadata: '[' }, [['a', 'x', 'text/plain']]), '', 'GATEWAY_FILE_FORM'],
    [form({ prefix: '../' }, [['a', 'x', 'text/plain']]), '', 'GATEWAY_FILE_PATH'],
    [form({ prefix: 'form/', owner: 'bob' }, [['a', 'x', 'text/plain']]), '', '42501'],
    [form({ prefix: 'form/' }, [['a.png', 'not one', 'image/png']]), '', 'FILES_TYPE_MISMATCH'],
    [form({ prefix: 'form/' }, [['a', randomBytes(LIMIT + 1), 'x/y']]), '', 'FILES_TOO_LARGE'],
    [
      form({}, [
        ['a', 'x', 'text/plain'],
        ['b', 'x', 'text/plain'],
      ]),
      '/form/both',
      'GATEWAY_FILE_FORM',
    ],
    [form({ prefix: 'form/' }, [['2.txt', 'x', 'text/plain']]), '', 'FILES_PATH_TAKEN'],
  ] as const) {
    t.equal(await code(await post(data, path)), expected, expected);
  }
  const many = await post(
    form(
      { prefix: 'many/' },
      [1, 2, 3, 4].map((i) => [String(i), `content ${i}`, 'text/plain']),
    ),
  );
  t.equal(await code(many), 'GATEWAY_FILE_FORM');
  t.equal(((await get('/api/v1/files?prefix=many/').then((r) => r.json())) as unknown[]).length, 0, 'all or none');
  const broken = await request('/api/v1/files', {
    method: 'POST',
    claims: ada,
    headers: { 'content-type': 'multipart/form-data; boundary=x' },
    body: '--x\r\ncontent-disposition: form-data; name="f"; filename="a"\r\n\r\ncut',
  });
  t.equal(broken.status, 400);
  t.match(await broken.json(), { code: /GATEWAY_FILE_(FORM|ABORTED)/ });
  t.equal((await request('/api/v1/files', { method: 'POST', claims: ada, body: '{}' })).status, 400);
  // What whole files a refused form brought is left to the sweep; no part of one is.
  t.equal((await readdir(join(gateway.filesDir, 'tmp'))).length, 0);
  t.ok((await stored()) >= before);
});

/** As it is written, which fetch would tidy up; ends when the server closes or a whole answer has come. */
function rawRequest(line: string, token: string, body: string, declared = body.length): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    let text = '';
    socket.setEncoding('utf8').on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk;
      const [head, rest] = text.split('\r\n\r\n', 2);
      const length = Number(/content-length: (\d+)/i.exec(head ?? '')?.[1]);
      if (rest !== undefined && Buffer.byteLength(rest) >= length) socket.destroy();
    });
    socket.on('close', () => resolve(text));
    socket.write(
      `${line} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: ${declared}\r\n\r\n${body}`,
    );
  });
}

function* chunks(bytes: number) {
  for (let left = bytes; left > 0; left -= 60_000) yield randomBytes(Math.min(left, 60_000));
}

async function until(condition: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`it did not come true within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
