/** A file store on a tmpfs that is full. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { connectBus } from '@tidemark/bus';
import { Alert } from '@tidemark/contracts';
import { createLocalFileStore } from '@tidemark/files';
import { until, useTestStack } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from './batch-stack.ts';

const dir = mkdtempSync(path.join(os.tmpdir(), 'tidemark-full-'));
const mount = () => {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', dir], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const isMounted = mount();
t.teardown(() => {
  if (isMounted) execFileSync('umount', ['-l', dir]);
  rmSync(dir, { recursive: true });
});

t.test(
  'a full disk pauses work, says so, and work goes on within seconds of space',
  { skip: !isMounted && 'mounting a tmpfs needs root' },
  async (t) => {
    const stack = await openBatchStack(t);
    const bus = await connectBus({ url: (await useTestStack()).natsUrl, name: 'test', prefix: stack.natsPrefix });
    t.teardown(() => bus.close());
    const alerts: Alert[] = [];
    bus.subscribe<Alert>(bus.subjects.alerts('critical'), (alert) => alerts.push(alert), { schema: Alert });
    const batch = await stack.startBatch({ TIDEMARK_FILES_DIR: dir, BATCH_MAX_ATTEMPTS: '1' });
    const ids = await stack.addImages('in/', 6);
    const store = createLocalFileStore({ dir });
    // The inputs are where the service looks for them; then a file takes the rest.
    for (const row of await stack.registry.findMany({ role: 'service_role', claims: '{}' }, ids)) {
      await store.put(await stack.store.read(row.storage_key, 1e8), { limitBytes: 1e8 });
    }
    const filler = path.join(dir, 'tmp', 'filler');
    const { bavail, bsize } = statfsSync(dir);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
    const id = await stack.insertJob({ input: { files: ids }, transform: { resize: { width: 400 }, format: 'png' } });
    const ready = async () => await (await fetch(`${batch.url}/readyz`)).text();
    await until(async () => /file/.test(await ready()) && alerts.length > 0, 'it to be said');
    t.match(alerts[0], { key: 'batch file store full', resolved: false, hint: /Free space/ });
    await until(async () => {
      const running = await stack.query(`select from tidemark.job_chunks where state = 'running'`);
      return running.length === 0;
    }, 'what runs to end');
    const tries = () => batch.log().match(/chunk\.postponed/g)?.length ?? 0;
    const before = tries();
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    t.equal(tries(), before, 'no item is computed in vain');
    const freedAt = performance.now();
    rmSync(filler);
    await until(async () => (await stack.query('select from tidemark.job_items')).length > 0, 'an item');
    t.comment(`${Math.round(performance.now() - freedAt)} ms after there was space`);
    t.match(await stack.ended(id), { state: 'succeeded', done: 6, failed: 0 });
    t.ok(alerts.some(({ resolved }) => resolved));
    const [most] = await stack.query('select max(attempts) as attempts from tidemark.job_items');
    t.equal(most?.attempts, 1, 'no attempt was used');
  },
);
