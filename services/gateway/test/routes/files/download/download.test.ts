/** Tests downloads of /api/v1/files: whole files, ranges, lists and signed URLs. */
import { createHash, randomBytes } from 'node:crypto';
import { until } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import { ada, bob, type Claims, code, PNG, type Shown, service, useFiles } from '../files-fixture.ts';

const { get, request, send, sql } = await useFiles(t);

t.test('an uploaded file is a row, and is downloaded unchanged', async (t) => {
  const bytes = Buffer.concat([PNG, randomBytes(200_000)]);
  const answer = await send('photos/é 1.png', bytes, 'image/png', ada, {});
  t.equal(answer.status, 201);
  t.match(answer.headers.get('tidemark'), /^[0-9a-z]+-[0-9A-F]{16}$/);
  const row = (await answer.json()) as Shown;
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  t.match(row, {
    path: 'photos/é 1.png',
    content_type: 'image/png',
    size: bytes.length,
    sha256,
    owner: 'ada',
    href: answer.headers.get('location'),
  });
  t.notOk('storage_key' in row);
  const file = await get(row.href as string);
  t.equal(file.status, 200);
  t.ok(Buffer.from(await file.arrayBuffer()).equals(bytes));
  for (const [name, value] of Object.entries({
    'content-type': 'image/png',
    'content-length': String(bytes.length),
    etag: `"${sha256}"`,
    'accept-ranges': 'bytes',
    'x-content-type-options': 'nosniff',
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

t.test('answers ranges and preconditions as RFC 9110 says', async (t) => {
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

t.test('sends a file that could run as a page as a download', async (t) => {
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

t.test('lists the files of a prefix in pages', async (t) => {
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
  for (const bucket of ['one', 'three', 'two']) {
    await send(`spread/a?bucket=${bucket}&visibility=public`, 'x', 'text/plain', service);
  }
  await send('spread/b', 'x', 'text/plain');
  const places: string[] = [];
  next = '/api/v1/files?prefix=spread/&limit=1';
  while (next) {
    const page: Response = await get(next, {
      tidemark: (await send('spread/b', 'x', 'text/plain')).headers.get('tidemark') as string,
    });
    places.push(...((await page.json()) as Shown[]).map((file) => `${file.bucket} ${file.path}`));
    next = /<([^>]+)>; rel="next"/.exec(page.headers.get('link') ?? '')?.[1];
  }
  t.same(places, ['one spread/a', 'three spread/a', 'two spread/a', '~ada spread/b'], 'a path in several buckets');
  const two = (await (await get('/api/v1/files?prefix=spread/&bucket=two')).json()) as Shown[];
  t.same(
    two.map((file) => file.bucket),
    ['two'],
  );
  const fresh = await send('list/f', 'x', 'text/plain');
  const after = await get('/api/v1/files?prefix=list/f', { tidemark: fresh.headers.get('tidemark') as string });
  t.equal(((await after.json()) as Shown[]).length, 1, 'reads its write from a replica');
});

t.test('a signed URL works without a token, unchanged, until it expires', async (t) => {
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
  const refused = async () => {
    const answer = await get(short.url, {}, null);
    return answer.status === 200 ? undefined : answer;
  };
  t.equal(await code(await until(refused, 'the URL expires')), 'GATEWAY_FILE_URL_EXPIRED');
  await request(href, { method: 'DELETE', claims: ada });
  t.equal((await get(url, {}, null)).status, 404);
});

t.test('a signed URL shows what its signer may see at that moment, and contains no claims', async (t) => {
  const { href } = (await (await send('lent', 'hello', 'text/plain')).json()) as { href: string };
  const sign = async (claims: Claims | null) => {
    const answer = await request(`${href}/sign`, {
      method: 'POST',
      body: '{"expiresIn":600}',
      ...(claims ? { claims } : {}),
    });
    return (await answer.json()) as { url: string; code: string };
  };
  await sql`create policy team on tidemark.files for select to authenticated
    using (current_setting('request.jwt.claims', true)::json ->> 'team' = 'red')`;
  const red = { ...bob, team: 'red', email: 'bob@example.com' };
  const { url } = await sign(red);
  t.notMatch(Buffer.from(new URL(url, 'http://x').searchParams.get('signature') as string, 'base64url'), /example/);
  t.equal(await (await get(url, {}, null)).text(), 'hello');
  t.equal(await (await get((await sign(ada)).url, {}, null)).text(), 'hello');
  await sql`drop policy team on tidemark.files`;
  t.equal((await get(url, {}, null)).status, 404, 'the policy that let the signer see it is gone');
  const published = (await (
    await send('lent?bucket=shared&visibility=public', 'x', 'text/plain', service)
  ).json()) as Shown;
  const anonymous = await request(`/api/v1/files/${published.id}/sign`, { method: 'POST', body: '{"expiresIn":600}' });
  const anonymously = ((await anonymous.json()) as { url: string }).url;
  t.equal((await get(anonymously, {}, null)).status, 200);
  await sql`update tidemark.files set visibility = 'private' where id = ${published.id}`;
  t.equal((await get(anonymously, {}, null)).status, 404, 'nor does a stranger keep what was public');
  t.equal((await sign({ ...ada, more: 'x'.repeat(5_000) })).code, 'GATEWAY_FILE_URL_TOO_LONG');
});
