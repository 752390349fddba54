/** Instances together call a target with as few items as it bears, and a refusal costs no attempt. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { type BatchStack, openBatchStack } from '../batch-stack.ts';

const CALLING = {
  BATCH_KINDS: fileURLToPath(new URL('../calling.js', import.meta.url)),
  BATCH_CHUNK_ITEMS: '2',
  BATCH_MAX_ATTEMPTS: '1',
};

interface Target {
  url: string;
  /** Times in ms of all requests. */
  requests: number[];
  most: number;
}

async function openTarget(
  t: Test,
  answer: (concurrent: number, reply: ServerResponse, request: IncomingMessage) => boolean,
): Promise<Target> {
  let concurrent = 0;
  const target: Target = { url: '', requests: [], most: 0 };
  const server = createServer((request, reply) => {
    target.requests.push(performance.now());
    concurrent += 1;
    target.most = Math.max(target.most, concurrent);
    const isOk = answer(concurrent, reply, request);
    setTimeout(
      () => {
        concurrent -= 1;
        reply.end('ok');
      },
      isOk ? 20 : 0,
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  target.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return target;
}

const run = (stack: BatchStack, url: string, items: number) => stack.insertJob({ items, url }, { kind: 'calling' });

t.test('two instances find how many items at a time a target bears, and no refusal costs an attempt', async (t) => {
  const stack = await openBatchStack(t);
  const target = await openTarget(t, (concurrent, reply) => {
    if (concurrent <= 3) return true;
    reply.writeHead(429, { 'retry-after': '0' });
    return false;
  });
  await Promise.all([stack.startBatch(CALLING), stack.startBatch(CALLING)]);
  const id = await run(stack, target.url, 120);
  t.match(await stack.ended(id, 60_000), { state: 'succeeded', done: 120 });
  t.ok(target.most > 2, `it grew to ${target.most} at a time`);
  t.ok(target.most <= 5, `at most ${target.most}: a chunk more than it bears, before the refusals are known`);
  t.ok(target.requests.length > 120, 'it was refused');
  const attempts = await stack.query('select attempts, count(*)::int as n from tidemark.job_items group by 1');
  t.same(attempts, [{ attempts: 1, n: 120 }]);
});

t.test(
  'a target that is down gets one probe at a time, after the delay that it asks for; other jobs go on',
  async (t) => {
    const stack = await openBatchStack(t);
    let isDown = true;
    const target = await openTarget(t, (_, reply) => {
      // The date is that of its own clock, which is ten minutes slow.
      const date = (s: number) => new Date(Date.now() - 600_000 + s * 1_000).toUTCString();
      if (isDown) reply.writeHead(503, { date: date(0), 'retry-after': date(3) });
      return !isDown;
    });
    await stack.startBatch({ ...CALLING, BATCH_RUNNING_JOBS: '2' });
    const id = await run(stack, target.url, 20);
    const waits = await until(async () => {
      const job = await stack.job(id);
      return job.waits_for && job;
    }, 'the job to say what it waits for');
    t.match(waits, { state: 'running', waits_for: /the limit of 127\.0\.0\.1:\d+, until \d{4}-/, done: 0, failed: 0 });
    const others = await Promise.all([1, 2, 3].map(() => stack.insertJob({ items: 3 }, { kind: 'noop', sub: '' })));
    for (const other of others) t.match(await stack.ended(other), { state: 'succeeded' }, 'it holds no place');
    await until(async () => target.requests.length >= 4, 'probes');
    const probes = target.requests.slice(-2);
    t.ok(
      probes[1]! - probes[0]! >= 1_900,
      `${Math.round(probes[1]! - probes[0]!)} ms between two probes; dates have seconds`,
    );
    isDown = false;
    t.match(await stack.ended(id, 60_000), { state: 'succeeded', done: 20, waits_for: null });
    const [attempts] = await stack.query('select max(attempts) as most from tidemark.job_items where job_id = $1', [
      id,
    ]);
    t.equal(attempts?.most, 1);
  },
);
