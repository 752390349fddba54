import type { FileRow } from '@tidemark/files';
import { metricsPage, until } from '@tidemark/testing';
import sharp from 'sharp';
import t from 'tap';
import { type BatchStack, openBatchStack, SERVICE } from './batch-stack.ts';
import { addPoison, POISON_CODES } from './poison-files.ts';

const stack = await openBatchStack(t);
const batch = await stack.startBatch({ BATCH_MEMORY_MB: '64' });

async function residentBytes(): Promise<number> {
  const page = await metricsPage(batch.url);
  return Number(/^process_resident_memory_bytes\S* (\d+)/m.exec(page)?.[1]);
}

/** Every update of the jobs table, as the WAL would carry it. */
async function logJobUpdates(stack: BatchStack): Promise<void> {
  await stack.query('create table public.job_log (id uuid, state text, done int, failed int, at timestamptz)');
  await stack.query(`create function public.log_job() returns trigger language plpgsql as $$ begin
    insert into public.job_log values (new.id, new.state, new.done, new.failed, clock_timestamp()); return null; end $$`);
  await stack.query(
    'create trigger log_job after update on tidemark.jobs for each row execute function public.log_job()',
  );
}

t.test(
  'a job inserted with SQL transforms 300 images: every output is there, right, and its row says so',
  async (t) => {
    await logJobUpdates(stack);
    const sources = await stack.addImages('many/', 300, { owner: 'ada' });
    const before = await residentBytes();
    const id = await stack.insertJob(
      {
        input: { prefix: 'many/' },
        transform: { resize: { width: 120, height: 90, fit: 'cover' }, greyscale: true, format: 'webp' },
      },
      { role: 'authenticated', sub: 'ada' },
    );
    let peak = 0;
    const job = await until(
      async () => {
        peak = Math.max(peak, await residentBytes());
        const now = await stack.job(id);
        return now.finished_at && now;
      },
      'the end',
      60_000,
    );
    t.match(job, { state: 'succeeded', total: 300, done: 300, failed: 0, error: null, owner: 'ada' });
    const seconds = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1_000;
    t.comment(`300 images in ${seconds.toFixed(1)} s; rss ${mb(before)} before, ${mb(peak)} at the peak`);
    t.ok(peak < 600 * 1024 ** 2, 'memory is bounded');

    const outputs = await stack.outputsOf(id);
    t.equal(outputs.length, 300);
    t.same(new Set(outputs.map((o) => o.metadata.source)), new Set(sources), 'one for each input');
    t.ok(outputs.every((o) => o.owner === 'ada' && o.content_type === 'image/webp'));
    t.match(outputs[0]!.path, new RegExp(`^jobs/${id}/000000-scene-0000\\.webp$`));
    for (const [at, output] of outputs.entries()) {
      const bytes = await stack.store.read(output.storage_key, 1e8);
      const made = await sharp(bytes).raw().toBuffer({ resolveWithObject: true });
      if (made.info.width !== 120 || made.info.height !== 90)
        t.fail(`${output.path} is ${made.info.width}×${made.info.height}`);
      if (at % 30 === 0) t.ok((await difference(made.data, output)) < 4, `the pixels of ${output.path}`);
    }

    const log = await stack.query<{ done: number; state: string }>('select * from public.job_log order by at');
    const counts = log.map((entry) => entry.done);
    t.same(
      counts,
      [...counts].sort((a, b) => a - b),
      'progress never goes back',
    );
    t.ok(log.length <= 5 * seconds + 6, `${log.length} updates of the jobs row in ${seconds} s`);
    t.match(log.at(-1), { state: 'succeeded', done: 300 });
  },
);

/** Mean difference between a result and the same made here. */
async function difference(made: Buffer, output: FileRow): Promise<number> {
  const source = await stack.registry.find(SERVICE, String(output.metadata.source));
  const input = await stack.store.read(source!.storage_key, 1e8);
  const resized = sharp(input).resize({ width: 120, height: 90, fit: 'cover' }).greyscale().webp({ quality: 80 });
  const expected = await sharp(await resized.toBuffer())
    .raw()
    .toBuffer();
  let sum = 0;
  for (let i = 0; i < expected.length; i += 1) sum += Math.abs((expected[i] ?? 0) - (made[i] ?? 255));
  return sum / expected.length;
}

t.test('poison files and decompression bombs fail alone, each with its reason', async (t) => {
  await stack.addImages('mixed/', 20);
  await addPoison(stack, 'mixed/');

  const pid = batch.child.pid;
  const id = await stack.insertJob({ input: { prefix: 'mixed/' }, transform: { resize: { width: 50 } } });
  const job = await stack.ended(id);
  t.match(job, {
    state: 'partly_failed',
    total: 30,
    done: 21,
    failed: 9,
    error: { code: 'BATCH_ITEMS_FAILED', hint: String },
  });
  const codes = Object.fromEntries(job.error.items.map((e: { name: string; code: string }) => [e.name, e.code]));
  t.same(codes, POISON_CODES);
  const outputs = await stack.outputsOf(id);
  t.equal(outputs.length, 21);
  const named = outputs.find(({ path }) => path.includes('za-named'));
  t.match(named, { path: /za-named\.jpg$/, content_type: 'image/jpeg' }, 'the bytes decide, not the name');
  t.ok((await residentBytes()) < 600 * 1024 ** 2, 'memory is bounded');
  t.equal(batch.child.exitCode, null);
  t.equal(batch.child.pid, pid, 'the service lives');
  const nothing = await stack.insertJob({ input: { prefix: 'mixed/z1' }, transform: { greyscale: true } });
  t.match(await stack.ended(nothing), {
    state: 'failed',
    total: 1,
    done: 0,
    failed: 1,
    error: { code: 'BATCH_ITEMS_FAILED' },
  });
});

t.test('an animation stays one, an upright turn is made, transparency becomes white', async (t) => {
  const frames = await Promise.all(
    ['red', 'lime', 'blue'].map((background) =>
      sharp({ create: { width: 40, height: 20, channels: 3, background } })
        .png()
        .toBuffer(),
    ),
  );
  const gif = await sharp(frames, { join: { animated: true } })
    .gif()
    .toBuffer();
  const turned = await sharp({ create: { width: 40, height: 20, channels: 3, background: 'red' } })
    .withMetadata({ orientation: 6 })
    .jpeg()
    .toBuffer();
  const clear = await sharp({ create: { width: 8, height: 8, channels: 4, background: '#0000' } })
    .png()
    .toBuffer();
  const transformed = async (bytes: Buffer, path: string, transform: object) => {
    const file = await stack.addFile(path, bytes);
    const id = await stack.insertJob({ input: { files: [file] }, transform }, { priority: 'high' });
    t.match(await stack.ended(id), { state: 'succeeded' });
    const [output] = await stack.outputsOf(id);
    return stack.store.read(output!.storage_key, 1e7);
  };
  t.match(await sharp(await transformed(gif, 'a.gif', { resize: { width: 20 } })).metadata(), {
    format: 'webp',
    pages: 3,
    width: 20,
  });
  t.match(await sharp(await transformed(turned, 't.jpg', { quality: 90 })).metadata(), { width: 20, height: 40 });
  const onPage = await sharp(await transformed(clear, 'c.png', { format: 'jpeg' }))
    .raw()
    .toBuffer();
  t.ok(onPage.every((value) => value > 250));
});

t.test('a job that cannot be planned fails with the remedy', async (t) => {
  const transform = { greyscale: true };
  const refused = async (spec: unknown, kind?: string) => {
    const job = await stack.ended(await stack.insertJob(spec, kind ? { kind } : {}));
    t.match(job, { state: 'failed', total: 0, error: { message: String, hint: String } });
    return job.error.code;
  };
  t.equal(await refused({ input: { prefix: 'many/' }, transform: {} }), 'BATCH_INVALID_SPEC');
  t.equal(await refused({}, 'image.explode'), 'BATCH_UNKNOWN_KIND');
  t.equal(
    await refused({ input: { files: ['123e4567-e89b-42d3-a456-426614174000'] }, transform }),
    'BATCH_INPUT_NOT_FOUND',
  );
});

t.test('a job without items succeeds', async (t) => {
  const id = await stack.insertJob({ input: { prefix: 'nowhere/' }, transform: { greyscale: true } });
  t.match(await stack.ended(id), { state: 'succeeded', total: 0, done: 0, failed: 0, error: null });
});

t.test('health and metrics answer, and SIGTERM ends it cleanly', async (t) => {
  t.equal((await fetch(`${batch.url}/readyz`)).status, 200);
  const page = await metricsPage(batch.url);
  t.match(page, /tidemark_batch_item_seconds_count\S* \d\d\d/);
  t.match(page, /tidemark_batch_item_failures_total\{code="BATCH_NOT_AN_IMAGE"/);
  if ((await batch.stop()) !== 0) t.fail(batch.log().slice(-3_000));
});

function mb(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)} MB`;
}
