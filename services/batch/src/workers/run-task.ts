import type { Readable } from 'node:stream';
import { TidemarkError } from '@tidemark/contracts';
import type { FileStore } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import { retryAfterMs } from '../items/retry-after.ts';
import { checkJson, toStorable } from '../items/storable.ts';
import type { FailedItem, InstanceLimits, ItemContext, JobKind, OutputFile, StoredFile } from '../kinds/job-kind.ts';
import type { ModelServer } from '../models/model-server.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { Failure, Outcome, Success, Task } from './protocol.ts';

export interface TaskEnvironment {
  store: FileStore;
  storeTimeoutMs: number;
  limits: InstanceLimits;
  signal: AbortSignal;
  admit: (bytes: number) => Promise<void>;
  database?: DatabaseContext | undefined;
  http?: SafeHttp | undefined;
  models?: ModelServer | undefined;
  step?: ItemContext<unknown>['step'];
}

/** `context.step` throws it: the failure of the step is that of the item. */
export class StepFailed extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.name = 'StepFailed';
    this.failure = failure;
  }
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
    const { database, http, models, step } = environment;
    const context: ItemContext<unknown> = { job, spec, read, store, database, http, models, step, signal, limits };
    if (task.step) return { files: [], value: 'null', output: await runStep(kind, task, context, environment) };
    await environment.admit(await kind.cost(item, context));
    const result = await kind.run(item, context);
    if ('failure' in result) return { failure: failureOfKind(item.name, result) };
    const value = result.json === undefined ? storable(item.name, result.value) : storableText(item.name, result.json);
    if (task.inlineBytes !== undefined) return inlined(item.name, value, result.files ?? [], task.inlineBytes);
    const files: StoredFile[] = [];
    for (const file of result.files ?? []) {
      files.push('key' in file ? file : await storeOutput(item.name, file, environment));
    }
    return { files, value };
  } catch (error) {
    return { failure: failureOf(error, item.name) };
  }
}

async function runStep(
  kind: JobKind,
  { item, step }: Task,
  context: ItemContext<unknown>,
  { admit }: TaskEnvironment,
): Promise<unknown> {
  const { cost, run } = kind.steps![step!.name]!;
  await admit(await cost(item, context, step!.given));
  return run(item, context, step!.given);
}

/** Outputs that a kind has stored itself are left out: kinds that are asked at once return bytes. */
function inlined(name: string, value: string, outputs: readonly (OutputFile | StoredFile)[], limit: number): Success {
  const files = outputs.filter((file): file is OutputFile => 'bytes' in file);
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  if (bytes > limit) throw errors.RESULT_TOO_LARGE({ name, bytes, limit });
  return { files: [], value, inline: files.map(({ bytes, contentType }) => ({ bytes, contentType })) };
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

async function readInput({ item: { key, name }, bytes }: Task, environment: TaskEnvironment): Promise<Buffer> {
  const { store, limits } = environment;
  if (bytes) return bytes;
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
  if (error instanceof StepFailed) return error.failure;
  if (error instanceof TidemarkError) {
    const isOurs = error.code.startsWith('BATCH_') && error.code !== 'BATCH_STORE_SLOW';
    const { code, message, hint, status } = error;
    return { code, message, hint, status, next: isOurs ? 'fail' : 'postpone' };
  }
  // An unexpected error may be temporary.
  const { code, message, hint } = errors.UNEXPECTED({ name });
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code, message, hint, next: 'retry', detail };
}
