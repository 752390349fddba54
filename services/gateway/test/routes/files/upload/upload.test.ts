/** Tests uploads to /api/v1/files: content, rights, names and limits. */

import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { metricsPage, until } from '@tidemark/testing';
import t from 'tap';
import { ada, bob, type Claims, code, LIMIT, PNG, type Shown, service, useFiles } from '../files-fixture.ts';

const { get, rawForm, rawRequest, request, send, sql, stored, token: tokenOf, url } = await useFiles(t);

t.test('uploads and downloads an empty file', async (t) => {
  const answer = await send('empty', null, undefined);
  t.equal(answer.status, 201);
  const { href, size } = (await answer.json()) as { href: string; size: number };
  t.equal(size, 0);
  t.equal((await (await get(href)).arrayBuffer()).byteLength, 0);
  t.equal((await get(href, { range: 'bytes=0-' })).status, 416);
});

t.test('compares the declared type with the detected one', async (t) => {
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

t.test('refuses uploads without the right before anything is stored', async (t) => {
  const before = await stored();
  const anonymous = await request('/api/v1/files/who/1', { method: 'PUT', body: 'x' });
  t.equal(anonymous.status, 401);
  const forOther = await send('who/1?owner=bob', 'x', 'text/plain');
  t.equal(forOther.status, 403);
  t.equal(await code(forOther), '42501');
  t.equal((await send('who/1?owner=', 'x', 'text/plain')).status, 403, 'for nobody');
  t.equal((await send('who/1?visibility=public', 'x', 'text/plain')).status, 403, 'for everybody');
  t.equal((await send('who/1?bucket=shared', 'x', 'text/plain')).status, 403, 'in a shared bucket');
  t.equal((await send('who/1?bucket=~bob', 'x', 'text/plain')).status, 403, 'in another’s bucket');
  t.equal(await code(await send('who/1?bucket=A/b', 'x', 'text/plain')), 'GATEWAY_FILE_BUCKET');
  t.equal(await code(await send('who/1?visibility=all', 'x', 'text/plain')), 'GATEWAY_FILE_FORM');
  t.equal((await send('jobs/1', 'x', 'text/plain')).status, 403, 'the batch service’s paths');
  t.equal((await send('who/1', 'x', 'text/plain', { role: 'authenticated' })).status, 403, 'nobody');
  t.equal(await stored(), before, 'refused before anything was stored');
  const nobodys = (await (await send('who/all', 'x', 'text/plain', service)).json()) as Shown;
  t.match(nobodys, { owner: null, visibility: 'private', bucket: 'service' }, 'a service token has no subject');
  t.equal((await get(nobodys.href as string, {}, null)).status, 404, 'and its file is nobody’s, not everybody’s');
  t.equal((await get(nobodys.href as string, {}, ada)).status, 404);
  t.equal((await get(nobodys.href as string, {}, service)).status, 200);
  const operators = await get(nobodys.href as string, {}, { role: 'ops' });
  t.equal(operators.status, 403);
  const everybody = await send(
    'who/all?bucket=shared&visibility=public&metadata={"k":[1]}',
    'x',
    'text/plain',
    service,
  );
  t.equal(everybody.status, 201);
  const row = (await everybody.json()) as Shown;
  t.match(row, { owner: null, bucket: 'shared', visibility: 'public', metadata: { k: [1] } });
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
  t.equal((await send('same', 'two', 'text/plain', bob)).status, 201, 'in a bucket of his own');
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

t.test('refuses paths that leave the folder, hide or mislead', async (t) => {
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

t.test('refuses a file that is too large by its Content-Length, and at the byte after the limit', async (t) => {
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

t.test('a path belongs to its owner: others neither see nor replace it', async (t) => {
  const secret = (await (await send('plans/merger.pdf', 'adas', 'text/plain')).json()) as Shown;
  const post = await request('/api/v1/files/plans/merger.pdf', { method: 'POST', body: 'bobs', claims: bob });
  t.equal(post.status, 201);
  t.match(await post.json(), { bucket: '~bob', owner: 'bob' });
  t.equal(await (await get('/api/v1/files/plans/merger.pdf', {}, bob)).text(), 'bobs');
  t.equal(await (await get('/api/v1/files/plans/merger.pdf')).text(), 'adas');
  const theirs = '/api/v1/files/plans/merger.pdf?bucket=~ada';
  t.equal((await get(theirs, {}, bob)).status, 404);
  t.equal((await request(theirs, { method: 'DELETE', claims: bob })).status, 404);
  t.equal((await request(theirs, { method: 'POST', body: 'x', claims: bob })).status, 403);
  t.equal((await request(theirs, { method: 'PUT', body: 'x', claims: bob })).status, 403);
  const free = '/api/v1/files/plans/nothing.pdf?bucket=~ada';
  t.equal((await request(free, { method: 'POST', body: 'x', claims: bob })).status, 403, 'the same where nothing is');
  t.equal(await (await get(theirs, {}, service)).text(), 'adas');
  t.equal((await get(`/api/v1/files/${secret.id}`)).status, 200);
  const forAda = await send('from/service?owner=ada', 'x', 'text/plain', service);
  t.match(await forAda.json(), { bucket: '~ada', owner: 'ada', visibility: 'private' });
  const wrong = await send('from/service?owner=ada&bucket=~bob', 'x', 'text/plain', service);
  t.equal(wrong.status, 400);
  t.equal((await send('from/service?owner=ada&bucket=shared', 'x', 'text/plain', service)).status, 201);
});

t.test('the service publishes a file, and takes that back', async (t) => {
  const { id, href } = (await (await send('news', 'x', 'text/plain', service)).json()) as { id: string; href: string };
  const set = (visibility: string, claims: Claims) =>
    request(`/rest/v1/files?id=eq.${id}`, {
      method: 'PATCH',
      claims,
      headers: { 'content-profile': 'tidemark', 'content-type': 'application/json' },
      body: JSON.stringify({ visibility }),
    });
  t.equal((await set('public', ada)).status, 403);
  t.equal((await set('public', service)).status, 204);
  t.equal((await get(href, {}, null)).status, 200);
  t.equal((await set('private', service)).status, 204);
  t.equal((await get(href, {}, null)).status, 404);
});

const form = (file: string, ...fields: [string, string][]) =>
  [
    ...fields.map(([name, value]) => `--b\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`),
    `--b\r\ncontent-disposition: form-data; name="f"; filename="${file}"\r\n\r\nx`,
  ].join('');

t.test('a client without the right to upload holds no slot, even if it sends no more', async (t) => {
  const before = await stored();
  const bad = await tokenOf({ role: 'authenticated' });
  const slow = Array.from({ length: 6 }, () => [
    rawForm('/api/v1/files', undefined, form('anon')),
    rawForm('/api/v1/files', bad, form('nobody')),
    rawForm('/api/v1/files', undefined, '--b\r\n'),
    rawRequest('PUT /api/v1/files/half', bad, 'x', 1_000),
  ]).flat();
  t.match(await slow[0], /^HTTP\/1\.1 401 /, 'refused at the head of its file, which never ends');
  t.match(await slow[1], /^HTTP\/1\.1 403 /);
  t.match(await slow[3], /^HTTP\/1\.1 403 /);
  t.equal((await send('beside', 'beside', 'text/plain')).status, 201);
  t.match(await slow[2], /^HTTP\/1\.1 408 [\s\S]*GATEWAY_FILE_STALLED/, 'a form that sends no part stalls, too');
  await Promise.all(slow);
  t.equal(await stored(), before + 1);
});

t.test('cuts off a slow upload like a stalled one', async (t) => {
  const token = await tokenOf(ada);
  const before = await stored();
  for (const [line, body, more] of [
    ['PUT /api/v1/files/trickle', '', []],
    ['POST /api/v1/files', form('trickle'), ['content-type: multipart/form-data; boundary=b']],
  ] as const) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let answer = '';
    socket.setEncoding('utf8').on('data', (data) => {
      answer += data;
    });
    // The server resets this connection on purpose.
    socket.on('error', () => undefined);
    socket.write(
      `${[`${line} HTTP/1.1`, 'host: x', `authorization: Bearer ${token}`, 'content-length: 100000', ...more].join('\r\n')}\r\n\r\n${body}`,
    );
    const drops = setInterval(() => socket.write('x'), 50);
    await until(async () => answer !== '');
    clearInterval(drops);
    t.match(answer, /^HTTP\/1\.1 408 [\s\S]*GATEWAY_FILE_SLOW/, line);
    socket.destroy();
  }
  await until(async () => (await stored()) === before);
});

t.test('over half of the uploads, one identity has its share, and others get in', async (t) => {
  const token = await tokenOf(ada);
  const before = await stored();
  const begun = (n: number) => until(async () => (await stored()) === before + n);
  const slow = [1, 2].map((i) => rawRequest(`PUT /api/v1/files/slow/${i}`, token, 'x'.repeat(50), 1_000));
  await begun(2);
  const refused = await send('slow/3', 'x', 'text/plain');
  t.equal(refused.status, 503);
  t.ok(refused.headers.get('retry-after'));
  t.match(await refused.json(), {
    code: 'GATEWAY_FILE_UPLOADS_SHARE',
    message: /2 of them, with 100 bytes, are yours/,
  });
  slow.push(rawRequest('PUT /api/v1/files/slow/3', await tokenOf(bob), 'x'.repeat(50), 1_000));
  await begun(3);
  const full = await send('slow/4', 'x', 'text/plain', { ...ada, sub: 'cy' });
  t.equal(full.status, 503);
  t.equal(await code(full), 'GATEWAY_FILE_UPLOADS_FULL');
  const page = await metricsPage(url);
  t.match(page, /tidemark_gateway_upload_bytes\{[^}]*\} 150/);
  t.match(page, /tidemark_gateway_upload_identities\{[^}]*\} 2/);
  await Promise.all(slow);
  t.equal((await send('slow/4', 'x', 'text/plain')).status, 201);
  const after = await metricsPage(url);
  t.match(after, /tidemark_gateway_uploads\{[^}]*\} 0/);
  t.match(after, /tidemark_gateway_upload_bytes\{[^}]*\} 0/);
});

function* chunks(bytes: number) {
  for (let left = bytes; left > 0; left -= 60_000) yield randomBytes(Math.min(left, 60_000));
}
