/** The main file of a worker process. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { TidemarkError } from '@tidemark/contracts';
import { openFileStore } from '@tidemark/files';
import { libvips } from '../images/sharp.ts';
import type { JobKind } from '../kinds/job-kind.ts';
import type { Failure, FromWorker, ToWorker, WorkerData } from './protocol.ts';
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

interface RunningTask {
  readonly stopping: AbortController;
  admittedBytes: number;
  onAdmission?: (failure?: Failure) => void;
}

// The service bounds the number of tasks of a process.
const running = new Map<number, RunningTask>();

process.on('message', (message: ToWorker) => {
  if (message.type === 'run') void run(message);
  else if (message.type === 'profile') void profile(message.what, message.seconds).then(send);
  else if (message.type === 'stop') running.get(message.id)?.stopping.abort();
  else running.get(message.id)?.onAdmission?.(message.type === 'refused' ? message.failure : undefined);
});
send({ type: 'ready' });

async function run({ id, task, grantedBytes }: ToWorker & { type: 'run' }): Promise<void> {
  const entry: RunningTask = { stopping: new AbortController(), admittedBytes: 0 };
  running.set(id, entry);
  const kind = kinds.get(task.kind) ?? (await load(task.kind));
  const { storeTimeoutMs, limits } = settings;
  const outcome = await runTask(kind, task, {
    store,
    storeTimeoutMs,
    limits,
    signal: entry.stopping.signal,
    admit: (bytes) => admit(id, entry, bytes, grantedBytes),
    onComputed: () => send({ type: 'computed', id }),
  });
  running.delete(id);
  const admitted = [...running.values()].reduce((sum, { admittedBytes }) => sum + admittedBytes, 0);
  send({ type: 'done', id, outcome, residentBytes: Math.max(0, process.memoryUsage.rss() - admitted) });
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

async function load(name: string): Promise<JobKind> {
  const { url } = settings.kinds.find((module) => module.name === name)!;
  const { default: kind } = (await import(url)) as { default: JobKind };
  kinds.set(name, kind);
  return kind;
}

async function admit(id: number, entry: RunningTask, bytes: number, grantedBytes: number): Promise<void> {
  if (bytes <= grantedBytes) {
    entry.admittedBytes = bytes;
    return;
  }
  await new Promise<void>((resolve, reject) => {
    entry.onAdmission = (failure) => {
      if (failure) {
        reject(new TidemarkError({ details: null, ...failure, status: failure.status ?? 503 }));
        return;
      }
      entry.admittedBytes = bytes;
      resolve();
    };
    send({ type: 'admit', id, bytes });
  });
}

function send(message: FromWorker): void {
  process.send?.(message);
}
