/** The same interface over a bucket. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import S3rver from 's3rver';
import t from 'tap';
import { useGateway } from '../gateway-fixture.ts';

const directory = await mkdtemp(join(tmpdir(), 'tidemark-gateway-s3-'));
const server = new S3rver({
  ...{ port: 0, address: '127.0.0.1', silent: true, directory },
  configureBuckets: [{ name: 'bytes', configs: [] }],
});
const { port } = await server.run();
const gateway = await useGateway(t, {
  env: {
    ...{ FILES_S3_BUCKET: 'bytes', FILES_S3_ENDPOINT: `http://127.0.0.1:${port}`, FILES_S3_PREFIX: 'x/' },
    ...{ FILES_S3_ACCESS_KEY_ID: 'S3RVER', FILES_S3_SECRET_ACCESS_KEY: 'S3RVER', FILES_MAX_BYTES: '12000000' },
  },
});
t.teardown(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

t.test('upload, range, download, limit and delete', async (t) => {
  const headers = { authorization: `Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada' })}` };
  const put = (body: Buffer) => fetch(`${gateway.url}/api/v1/files/big`, { method: 'PUT', headers, body });
  const bytes = randomBytes(11_000_000);
  const up = await put(bytes);
  t.equal(up.status, 201);
  const { href } = (await up.json()) as { href: string };
  const part = await fetch(`${gateway.url}${href}`, { headers: { ...headers, range: 'bytes=-10' } });
  t.equal(part.status, 206);
  t.ok(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(-10)));
  const whole = await fetch(`${gateway.url}${href}`, { headers });
  t.ok(Buffer.from(await whole.arrayBuffer()).equals(bytes));
  t.equal((await put(randomBytes(12_000_001))).status, 413);
  t.same(await readdir(gateway.filesDir), [], 'nothing is kept in the folder');
  t.equal((await fetch(`${gateway.url}${href}`, { method: 'DELETE', headers })).status, 204);
  t.equal((await fetch(`${gateway.url}${href}`, { headers })).status, 404);
});
