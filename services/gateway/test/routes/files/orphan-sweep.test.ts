/** Tests that the next start sweeps files without a row, which a crash has left, and no others. */
import { mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const gateway = await useGateway(t, { env: { FILES_ORPHAN_AGE_MS: '60000' } });

t.test('deletes old files without a row at the start, and keeps young ones', async (t) => {
  const headers = { authorization: `Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada' })}` };
  const url = `${gateway.url}/api/v1/files/kept`;
  const { sha256 } = (await (await fetch(url, { method: 'PUT', headers, body: 'kept' })).json()) as { sha256: string };
  const at = (hash: string) => join(gateway.filesDir, hash.slice(0, 2), hash.slice(2, 4), hash);
  const age = (file: string) => utimes(file, new Date(0), new Date(0));
  await age(at(sha256));
  const orphan = at('ab'.repeat(32));
  const part = join(gateway.filesDir, 'tmp', 'part');
  const young = at('cd'.repeat(32));
  for (const file of [orphan, young]) {
    await mkdir(join(file, '..'), { recursive: true });
    await writeFile(file, 'orphan');
  }
  await writeFile(part, 'half of');
  await Promise.all([age(orphan), age(part)]);
  await gateway.another();
  const isThere = (file: string) => stat(file).then(Boolean, () => false);
  await until(async () => !(await isThere(orphan)), 'the orphan is deleted');
  t.same(await Promise.all([orphan, part, young].map(isThere)), [false, false, true]);
  t.equal(await (await fetch(url, { headers })).text(), 'kept');
});
