import type { Readable } from 'node:stream';
import { TidemarkError } from '@tidemark/contracts';
import type { FileStore } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import { retryAfterMs } from '../items/retry-after.ts';
import { checkJson, toStorable } from '../items/storable.ts';
import type { FailedItem, InstanceLimits, ItemContext, JobKind, OutputFile, StoredFile } from '../kinds/job-kind.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { Failure, Outcome, Task } from './protocol.ts';

export interface TaskEnvironment {
  store: FileStore;
  storeTimeoutMs: number;
  limits: InstanceLimits;
  signal: AbortSignal;
  admit: (bytes: number) => Promise<void>;
  database?: DatabaseContext | undefined;
  http?: SafeHttp | undefined;
}

/** Never rejects: a failure is an outcome. */
export async function runTask(kind: JobKind, task: Task, environment: TaskEnvironment): Promise<Outcome> {
  const { job, spec, item } = task;
  const { limits, signal } = environment;
  try {
    let reading: Promise<Buffer> | undefined;
    const read = () => {
      reading ??= readInput(task, environment);
      return reading;
    };
    const store: ItemContext<unknown>['store'] = (content, file) => storeStream(item.name, content, file, environment);
    const { database, http } = environment;
    const context: ItemContext<unknown> = { job, spec, read, store, database, http, signal, limits };
    await environment.admit(await kind.cost(item, context));
    const result = await kind.run(item, context);
    if ('failure' in result) return { failure: failureOfKind(item.name, result) };
    const value = result.json === undefined ? storable(item.name, result.value) : storableText(item.name, result.json);
    const files: StoredFile[] = [];
    for (const file of result.files ?? []) {
      files.push('key' in file ? file : await storeOutput(item.name, file, environment));
    }
    return { files, value };
  } catch (error) {
    return { failure: failureOf(error, item.name) };
  }
}

function failureOfKind(name: string, { failure, value, retryAfter, responseDate }: FailedItem): Failure {
  const asked = retryAfterMs(retryAfter, responseDate);
  const { code, message, hint = null, throttled = false, retry = asked !== undefined } = failure;
  const next = throttled ? 'throttle' : retry ? 'retry' : 'fail';
  return {
    code,
    message,
    hint,
    next,
    ...(value !== undefined && { value: storable(name, value) }),
    ...(asked !== undefined && { retryAfterMs: asked }),
  };
}

function storable(name: string, value: unknown): string {
  const checked = toStorable(value);
  if ('problem' in checked) throw errors.INVALID_RESULT({ name, problem: checked.problem });
  return checked.json;
}

function storableText(name: string, json: string): string {
  const checked = checkJson(json);
  if (checked) throw errors.INVALID_RESULT({ name, problem: checked });
  return json;
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

async function storeOutput(name: string, file: OutputFile, environment: TaskEnvironment): Promise<StoredFile> {
  checkOutput(name, file);
  const { bytes, contentType, extension, name: stem, metadata = {} } = file;
  // The admitted bytes bound the size of the result.
  const limitBytes = Number.POSITIVE_INFINITY;
  const stored = await inTime(environment, (signal) => environment.store.put(bytes, { limitBytes, signal }));
  return { ...stored, contentType, extension, name: stem, metadata };
}

/** The stream's own pace and the item's time limit bound the time. */
async function storeStream(
  name: string,
  content: Readable,
  file: Omit<OutputFile, 'bytes'>,
  { store, signal }: TaskEnvironment,
): Promise<StoredFile> {
  checkOutput(name, file);
  const { contentType, extension, name: stem, metadata = {} } = file;
  const stored = await store.put(content, { limitBytes: Number.POSITIVE_INFINITY, signal });
  return { ...stored, contentType, extension, name: stem, metadata };
}

function checkOutput(name: string, { contentType, extension, name: stem, metadata }: Omit<OutputFile, 'bytes'>): void {
  if (!/^[A-Za-z0-9]{1,16}$/.test(extension)) throw errors.INVALID_RESULT({ name, problem: 'the extension of a file' });
  if (!CONTENT_TYPE.test(contentType)) throw errors.INVALID_RESULT({ name, problem: 'the content type of a file' });
  if (stem !== undefined && (stem === '' || stem.length > MAX_NAME || stem.includes('/'))) {
    throw errors.INVALID_RESULT({ name, problem: 'the name of a file' });
  }
  storable(name, metadata);
}

/** The path of an output has at most 1,024 characters. */
const MAX_NAME = 200;

const CONTENT_TYPE = /^[\w.+-]{1,100}\/[\w.+-]{1,100}(; ?[\w.+-]+=[\w.+-]+)?$/;

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
    const isOurs = error.code.startsWith('BATCH_') && error.code !== 'BATCH_STORE_SLOW';
    return { code: error.code, message: error.message, hint: error.hint, next: isOurs ? 'fail' : 'postpone' };
  }
  // An unexpected error may be temporary.
  const { code, message, hint } = errors.UNEXPECTED({ name });
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code, message, hint, next: 'retry', detail };
}
