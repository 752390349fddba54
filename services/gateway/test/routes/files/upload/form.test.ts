/** /api/v1/files over HTTP: multipart forms, whose files become visible together. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ada, type Claims, code, LIMIT, PNG, useFiles } from '../files-fixture.ts';

const { filesDir, get, request, stored } = await useFiles(t);

t.test('takes the files of a form, and refuses a form that is wrong', async (t) => {
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
  // The sweep deletes whole files of a refused form; no part of a file remains.
  t.equal((await readdir(join(filesDir, 'tmp'))).length, 0);
  t.ok((await stored()) >= before);
});
