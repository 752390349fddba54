/** Files in a bucket instead of a folder. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { until } from '@tidemark/testing';
import { startTestS3 } from '@tidemark/testing/s3';
import sharp from 'sharp';
import t, { type Test } from 'tap';
import { openBatchStack, SERVICE } from './batch-stack.ts';

const s3 = await startTestS3();
t.teardown(() => s3.stop());

// Each test has a stack of its own, and the second mostly waits for the silent bucket.
t.jobs = 2;

const transform = { resize: { width: 50 }, format: 'webp' };

t.test('a job reads what was uploaded to the bucket, and its results are there', async (t) => {
  const stack = await openBatchStack(t, s3);
  const batch = await stack.startBatch();
  const sources = await stack.addImages('in/', 40, { owner: 'ada' });
  const gone = await stack.addFile('in/gone.png', Buffer.from('x'), { owner: 'ada' });
  await stack.store.delete((await stack.registry.find(SERVICE, gone))!.storage_key);
  const id = await stack.insertJob({ input: { prefix: 'in/' }, transform }, { role: 'authenticated', sub: 'ada' });
  t.match(await stack.ended(id), {
    state: 'partly_failed',
    total: 41,
    done: 40,
    failed: 1,
    error: { items: [{ code: 'BATCH_INPUT_GONE' }] },
  });
  const outputs = await stack.outputsOf(id);
  t.same(outputs.map((output) => output.metadata.source).sort(), [...sources].sort(), 'one for each input');
  for (const output of outputs) {
    const { width, format } = await sharp(await stack.store.read(output.storage_key, 1e8)).metadata();
    if (width !== 50 || format !== 'webp') t.fail(`${output.path} is ${format}, ${width} wide`);
  }
  t.same(await readdir(stack.filesDir), [], 'nothing is in the folder');
  t.equal(await batch.stop(), 0);
});

t.test('a bucket that falls silent fails no item: the chunk is tried again', async (t) => {
  const line = await openLine(t, Number(new URL(s3.options.endpoint).port));
  const stack = await openBatchStack(t, s3);
  const sources = await stack.addImages('in/', 3);
  const batch = await stack.startBatch({ FILES_S3_ENDPOINT: line.url, BATCH_ITEM_TIMEOUT_MS: '9000' });
  const job = () => stack.insertJob({ input: { prefix: 'in/' }, transform });
  t.match(await stack.ended(await job(), 60_000), { state: 'succeeded', done: sources.length }, 'it works before');
  line.hold();
  const id = await job();
  await until(async () => batch.log().includes('BATCH_STORE_SLOW'), 'a fault');
  line.release();
  t.match(await stack.ended(id, 60_000), { state: 'succeeded', done: sources.length, failed: 0, error: null });
  t.notMatch(batch.log(), /thread\.timeout/, 'no thread had to be ended for it');
});

/** A way to a port of this machine that can be held: it takes connections and bytes then, and brings nothing back. */
async function openLine(t: Test, port: number) {
  let held = false;
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((near) => {
    sockets.add(near);
    near.on('error', () => near.destroy());
    near.on('close', () => sockets.delete(near));
    if (held) {
      near.resume();
      return;
    }
    const far = connect(port, '127.0.0.1');
    far.on('error', () => near.destroy());
    near.on('close', () => far.destroy());
    near.pipe(far).pipe(near);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    cut();
    server.close();
  });
  /** Connections from before are cut, so that they are made anew. */
  const turn = (to: boolean) => () => {
    held = to;
    cut();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hold: turn(true),
    release: turn(false),
  };
}
