/** The main file of a worker process. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TidemarkError } from '@tidemark/contracts';
import { openFileStore } from '@tidemark/files';
import { libvips } from '../images/sharp.ts';
import type { JobKind } from '../kinds/job-kind.ts';
import type { Failure, FromWorker, Outcome, Task, ToWorker, WorkerData } from './protocol.ts';
import { runTask } from './run-task.ts';

// A killed service cannot end its workers, and an item that blocks the event loop hides the disconnect from it.
new Worker(new URL('./end-with-parent.js', import.meta.url), { workerData: process.ppid }).unref();
process.once('disconnect', () => process.exit());
// A terminal and systemd send these to all processes of a service, which ends its workers itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const [settings] = (await once(process, 'message')) as [WorkerData];
const store = await openFileStore(settings.store);
const kinds = new Map<string, JobKind>();

// It is there before the first task, which would wait for it.
libvips();

let onAdmission: ((failure?: Failure) => void) | undefined;
let stopping = new AbortController();

process.on('message', (message: ToWorker) => {
  if (message.type === 'run') void run(message.task).then(done);
  else if (message.type === 'profile') void profile(message.what, message.seconds).then(send);
  else if (message.type === 'stop') stopping.abort();
  else onAdmission?.(message.type === 'refused' ? message.failure : undefined);
});
send({ type: 'ready' });

async function run(task: Task): Promise<Outcome> {
  stopping = new AbortController();
  const kind = kinds.get(task.kind) ?? (await load(task.kind));
  const { storeTimeoutMs, limits } = settings;
  return runTask(kind, task, { store, storeTimeoutMs, limits, signal: stopping.signal, admit });
}

/** The module is loaded on demand, because most workers never need it. */
async function profile(what: 'cpu' | 'heap', seconds: number): Promise<FromWorker> {
  try {
    const { profileMainThread } = await import('@tidemark/service');
    return { type: 'profile', profile: await profileMainThread(what, seconds) };
  } catch (error) {
    return { type: 'profile', problem: (error as Error).message };
  }
}

function done(outcome: Outcome): void {
  send({ type: 'done', outcome, residentBytes: process.memoryUsage.rss() });
}

async function load(name: string): Promise<JobKind> {
  const { url } = settings.kinds.find((module) => module.name === name)!;
  const { default: kind } = (await import(url)) as { default: JobKind };
  kinds.set(name, kind);
  return kind;
}

function admit(bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    onAdmission = (failure) => {
      if (failure) reject(new TidemarkError({ details: null, ...failure, status: failure.status ?? 503 }));
      else resolve();
    };
    send({ type: 'admit', bytes });
  });
}

function send(message: FromWorker): void {
  process.send?.(message);
}
