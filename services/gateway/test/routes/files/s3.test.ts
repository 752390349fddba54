/** The same interface over a bucket. */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { startTestS3 } from '@tidemark/testing/s3';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const s3 = await startTestS3();
const gateway = await useGateway(t, { env: { ...s3.env, FILES_MAX_BYTES: '12000000' } });
t.teardown(() => s3.stop());

t.test('uploads, downloads, limits and deletes files in S3', async (t) => {
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
