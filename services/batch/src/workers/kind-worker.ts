import { once } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import { TidemarkError } from '@tidemark/contracts';
import { openFileStore } from '@tidemark/files';
import sharp from 'sharp';
import type { JobKind } from '../kinds/job-kind.ts';
import type { Failure, FromWorker, Outcome, Task, ToWorker, WorkerData } from './protocol.ts';
import { runTask } from './run-task.ts';

const port = parentPort ?? process;
const early: unknown[] = [];
let take = (message: unknown) => {
  early.push(message);
};
port.on('message', (message) => take(message));
const settings = parentPort ? (workerData as WorkerData) : await firstMessage();
if (!parentPort) process.once('disconnect', () => process.exit());

const store = await openFileStore(settings.store);
const kinds = new Map<string, JobKind>();

// The threads provide the concurrency; each libvips operation uses one thread, and caches nothing.
sharp.concurrency(1);
sharp.cache(false);

let onAdmission: ((failure?: Failure) => void) | undefined;

function onMessage(message: ToWorker): void {
  if (message.type === 'run') void run(message.task).then((outcome) => send({ type: 'done', outcome }));
  else onAdmission?.(message.type === 'refused' ? message.failure : undefined);
}
take = (message) => onMessage(message as ToWorker);
for (const message of early.splice(0)) take(message);

async function firstMessage(): Promise<WorkerData> {
  if (early.length === 0) await once(process, 'message');
  return early.shift() as WorkerData;
}

async function run(task: Task): Promise<Outcome> {
  const kind = kinds.get(task.kind) ?? (await load(task.kind));
  const { storeTimeoutMs, limits } = settings;
  // The signal is never aborted, because the service ends the thread of a task that must stop.
  const { signal } = new AbortController();
  return runTask(kind, task, { store, storeTimeoutMs, limits, signal, admit });
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
      if (failure) reject(new TidemarkError({ status: 503, details: null, ...failure }));
      else resolve();
    };
    send({ type: 'admit', bytes });
  });
}

function send(message: FromWorker): void {
  if (parentPort) parentPort.postMessage(message);
  else process.send?.(message);
}
