import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { profileWorkerThread, workerThreads } from '../src/worker-threads.ts';

const SPIN = `
const { parentPort } = require('node:worker_threads');
function spinInTheThread() { const end = Date.now() + 20; while (Date.now() < end); setTimeout(spinInTheThread, 5); }
spinInTheThread();
parentPort.postMessage('ready');`;

t.test('a worker thread is listed, and its profile names the function that takes its time', async (t) => {
  const thread = new Worker(SPIN, { eval: true, execArgv: [] });
  t.teardown(() => thread.terminate());
  await once(thread, 'message');
  // The test runner has threads of its own.
  const found = (await workerThreads()).find(({ id }) => id === thread.threadId);
  t.match(found, { kind: 'thread', state: 'running' });
  const { nodes } = (await profileWorkerThread(thread.threadId, 'cpu', 1)) as {
    nodes: { callFrame: { functionName: string } }[];
  };
  t.ok(nodes.some(({ callFrame }) => callFrame.functionName === 'spinInTheThread'));
  await t.rejects(profileWorkerThread(999, 'cpu', 1), { code: 'PROCESS_NO_WORKER', hint: /Its workers are/ });
});

t.test('a profile of a thread that ends is an error', async (t) => {
  const thread = new Worker(SPIN, { eval: true, execArgv: [] });
  await once(thread, 'message');
  const profile = profileWorkerThread(thread.threadId, 'cpu', 2);
  const failed = t.rejects(profile, { code: 'PROCESS_THREAD' });
  await thread.terminate();
  await failed;
});
