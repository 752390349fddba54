/** Runs one item of a job: on a thread for kinds that compute, on the main thread for those that wait. */
import { TidemarkError } from '@tidemark/contracts';
import type { FileStore } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { InstanceLimits, ItemContext, JobKind, OutputFile } from '../kinds/job-kind.ts';
import type { Failure, Outcome, StoredFile, Task } from './protocol.ts';

export interface TaskEnvironment {
  store: FileStore;
  storeTimeoutMs: number;
  limits: InstanceLimits;
  signal: AbortSignal;
  /** Resolves when the item may use so many bytes. Rejects when it may not. */
  admit: (bytes: number) => Promise<void>;
}

/** Never rejects: what goes wrong is the outcome. */
export async function runTask(kind: JobKind, task: Task, environment: TaskEnvironment): Promise<Outcome> {
  const { job, spec, item } = task;
  const { limits, signal } = environment;
  try {
    let reading: Promise<Buffer> | undefined;
    const read = () => {
      reading ??= readInput(task, environment);
      return reading;
    };
    const context: ItemContext<unknown> = { job, spec, read, signal, limits };
    await environment.admit(await kind.cost(item, context));
    const result = await kind.run(item, context);
    if ('failure' in result) return { failure: { hint: null, ...result.failure, fault: false } };
    const files: StoredFile[] = [];
    for (const file of result.files ?? []) files.push(await storeOutput(file, environment));
    return { files, value: result.value ?? null };
  } catch (error) {
    return { failure: failureOf(error, item.name) };
  }
}

async function readInput({ item: { key, name } }: Task, environment: TaskEnvironment): Promise<Buffer> {
  const { store, limits } = environment;
  if (key === null) throw errors.NO_FILE({ name });
  try {
    return await inTime(environment, (signal) => store.read(key, limits.inputBytes, signal));
  } catch (cause) {
    const code = cause instanceof TidemarkError ? cause.code : '';
    if (code === 'FILES_TOO_LARGE') throw errors.INPUT_TOO_LARGE({ name, limit: limits.inputBytes }, { cause });
    if (code === 'FILES_NOT_FOUND') throw errors.INPUT_GONE({ name }, { cause });
    throw cause;
  }
}

async function storeOutput(file: OutputFile, environment: TaskEnvironment): Promise<StoredFile> {
  const { bytes, contentType, extension, metadata = {} } = file;
  // The admitted bytes bound the result.
  const limitBytes = Number.POSITIVE_INFINITY;
  const stored = await inTime(environment, (signal) => environment.store.put(bytes, { limitBytes, signal }));
  return { ...stored, contentType, extension, metadata };
}

async function inTime<T>({ storeTimeoutMs }: TaskEnvironment, use: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(storeTimeoutMs);
  try {
    return await use(signal);
  } catch (cause) {
    if (signal.aborted) throw errors.STORE_SLOW({ ms: storeTimeoutMs }, { cause });
    throw cause;
  }
}

function failureOf(error: unknown, name: string): Failure {
  if (error instanceof TidemarkError) {
    const fault = !error.code.startsWith('BATCH_') || error.code === 'BATCH_STORE_SLOW';
    return { code: error.code, message: error.message, hint: error.hint, fault };
  }
  // It was not foreseen, so it may not be the item's fault: the chunk is tried again, and given up after the last attempt.
  const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'BATCH_UNEXPECTED', message: `"${name}": ${reason}`, hint: null, fault: true };
}
