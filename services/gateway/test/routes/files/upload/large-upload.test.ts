/** 100 MB go through without being held: the resident memory is reported, what must hold is that the buffers stay small. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import t from 'tap';
import { useGateway } from '../../../gateway-fixture.ts';

const MB = 1024 ** 2;
const SIZE_MB = 100;
const gateway = await useGateway(t);
const block = Buffer.alloc(MB, 'tidemark');

t.test('uploads and downloads 100 MB', async (t) => {
  const hash = createHash('sha256');
  for (let i = 0; i < SIZE_MB; i++) hash.update(block);
  const expected = hash.digest('hex');
  const headers = { authorization: `Bearer ${await gateway.token({ role: 'authenticated', sub: 'ada' })}` };
  global.gc?.();
  const before = process.memoryUsage();
  let most = 0;
  let mostResident = 0;
  const look = () => {
    const { arrayBuffers, rss } = process.memoryUsage();
    most = Math.max(most, arrayBuffers - before.arrayBuffers);
    mostResident = Math.max(mostResident, rss - before.rss);
  };
  async function* blocks() {
    for (let i = 0; i < SIZE_MB; i++) {
      look();
      yield block;
    }
  }
  const up = await fetch(`${gateway.url}/api/v1/files/large`, {
    method: 'PUT',
    headers,
    body: Readable.toWeb(Readable.from(blocks())) as never,
    duplex: 'half',
  } as never);
  t.equal(up.status, 201);
  const row = (await up.json()) as { sha256: string; size: number; href: string };
  t.match(row, { sha256: expected, size: SIZE_MB * MB });
  const down = await fetch(`${gateway.url}${row.href}`, { headers });
  const back = createHash('sha256');
  for await (const chunk of down.body as unknown as AsyncIterable<Uint8Array>) {
    look();
    back.update(chunk);
  }
  t.equal(back.digest('hex'), expected);
  t.comment(`most bytes in buffers ${(most / MB).toFixed(1)} MB, resident +${(mostResident / MB).toFixed(1)} MB`);
  // Sender and receiver share this process: a buffered upload would take 100 MB or more.
  t.ok(most < (SIZE_MB / 2) * MB, `${most} bytes in buffers`);
});
