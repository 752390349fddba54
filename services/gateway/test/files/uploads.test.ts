/** /api/v1/files over HTTP: what is taken, from whom, under which name, and how much. */
import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import t from 'tap';
import { ada, bob, type Claims, code, LIMIT, PNG, type Shown, service, useFiles } from './files-fixture.ts';

const { get, rawRequest, request, send, sql, stored, token: tokenOf, url } = await useFiles(t);

t.test('an empty file', async (t) => {
  const answer = await send('empty', null, undefined);
  t.equal(answer.status, 201);
  const { href, size } = (await answer.json()) as { href: string; size: number };
  t.equal(size, 0);
  t.equal((await (await get(href)).arrayBuffer()).byteLength, 0);
  t.equal((await get(href, { range: 'bytes=0-' })).status, 416);
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
    const answer = await rawRequest(`PUT /api/v1/files/${name}`, await tokenOf(ada), 'x');
    t.match(answer, /^HTTP\/1\.1 400 /, name.slice(0, 40));
  }
  t.match(await rawRequest('PUT /api/v1/files/%ff', await tokenOf(ada), 'x'), /^HTTP\/1\.1 400 /);
  t.equal(await stored(), before);
  const long = `${'n'.repeat(512)}/${'é'.repeat(511)}`;
  t.equal((await send(encodeURI(long), 'x', 'text/plain')).status, 201, 'the longest there is');
  t.equal((await get(`/api/v1/files/${encodeURI(long)}`)).status, 200);
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
  const token = await tokenOf(ada);
  const head = `PUT /api/v1/files/cut HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-length: 100000\r\n\r\n`;
  for (let i = 0; i < 3; i++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
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
  const token = await tokenOf(ada);
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

function* chunks(bytes: number) {
  for (let left = bytes; left > 0; left -= 60_000) yield randomBytes(Math.min(left, 60_000));
}

async function until(condition: () => Promise<boolean>, withinMs = 15_000): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await condition()); ) {
    if (Date.now() > deadline) throw new Error(`it did not come true within ${withinMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
