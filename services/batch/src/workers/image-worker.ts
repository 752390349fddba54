/** The entry of a worker thread: one task at a time, one answer for each. */
import { parentPort, workerData } from 'node:worker_threads';
import { TidemarkError } from '@tidemark/contracts';
import { openFileStore } from '@tidemark/files';
import sharp from 'sharp';
import { errors } from '../errors.ts';
import { probe } from '../images/probe.ts';
import { transformImage } from '../images/transform.ts';
import type { Failure, Item, Output, Reply, Task, WorkerData } from './protocol.ts';

const settings = workerData as WorkerData;
const store = await openFileStore(settings.store);

// The threads are the concurrency; each libvips operation uses one, and keeps nothing for a next one like it.
sharp.concurrency(1);
sharp.cache(false);

parentPort?.on('message', (task: Task) => {
  void answer(task).then((reply) => parentPort?.postMessage(reply));
});

async function answer(task: Task): Promise<Reply> {
  try {
    const input = await read(task.item);
    if (task.type === 'probe') return { facts: await probe(input, task.item.name, settings.maxPixels) };
    return { output: await run(task, input) };
  } catch (error) {
    return { failure: asFailure(error, task.item.name) };
  }
}

async function read({ key, name }: Item): Promise<Buffer> {
  try {
    return await inTime((signal) => store.read(key, settings.maxInputBytes, signal));
  } catch (cause) {
    const code = cause instanceof TidemarkError ? cause.code : '';
    if (code === 'FILES_TOO_LARGE') throw errors.INPUT_TOO_LARGE({ name, limit: settings.maxInputBytes }, { cause });
    if (code === 'FILES_NOT_FOUND') throw errors.INPUT_GONE({ name }, { cause });
    throw cause;
  }
}

async function run({ item, transform, facts }: Task & { type: 'transform' }, input: Buffer): Promise<Output> {
  const { bytes, format, width, height } = await transformImage(
    input,
    item.name,
    facts,
    transform,
    settings.nativeTimeoutSeconds,
  );
  // No limit of its own: the admitted bytes bound the result.
  const stored = await inTime((signal) => store.put(bytes, { limitBytes: Number.POSITIVE_INFINITY, signal }));
  return { ...stored, contentType: `image/${format}`, extension: format === 'jpeg' ? 'jpg' : format, width, height };
}

async function inTime<T>(use: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(settings.storeTimeoutMs);
  try {
    return await use(signal);
  } catch (cause) {
    if (signal.aborted) throw errors.STORE_SLOW({ ms: settings.storeTimeoutMs }, { cause });
    throw cause;
  }
}

function asFailure(error: unknown, name: string): Failure {
  if (error instanceof TidemarkError) {
    const fault = !error.code.startsWith('BATCH_') || error.code === 'BATCH_STORE_SLOW';
    return { code: error.code, message: error.message, hint: error.hint, fault };
  }
  // Not foreseen, so perhaps not the item's fault: tried again, and given up after the last attempt.
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'BATCH_UNEXPECTED', message: `"${name}": ${reason}`, hint: null, fault: true };
}
