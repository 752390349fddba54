import type { Readable } from 'node:stream';
import { TidemarkError } from '@tidemark/contracts';
import type { FileStore } from '@tidemark/files';
import { errors } from '../errors.ts';
import type { SafeHttp } from '../http/safe-http.ts';
import { retryAfterMs } from '../items/retry-after.ts';
import { checkJson, toStorable } from '../items/storable.ts';
import type {
  FailedItem,
  InstanceLimits,
  ItemContext,
  ItemResult,
  JobKind,
  OutputFile,
  StoredFile,
} from '../kinds/job-kind.ts';
import type { ModelServer } from '../models/model-server.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import type { Failure, Outcome, Success, Task } from './protocol.ts';

export interface TaskEnvironment {
  store: FileStore;
  storeTimeoutMs: number;
  limits: InstanceLimits;
  readonly signal: AbortSignal;
  admit: (bytes: number) => Promise<void>;
  /** The item has run, and its outputs are about to be stored. */
  onComputed?: () => void;
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

/** Never throws or rejects: a failure is an outcome. It is there at once when the kind waits for nothing. */
export function runTask(kind: JobKind, task: Task, environment: TaskEnvironment): Outcome | Promise<Outcome> {
  const { name } = task.item;
  try {
    const outcome = startTask(kind, task, environment);
    return isPromise(outcome) ? outcome.catch((error) => ({ failure: failureOf(error, name) })) : outcome;
  } catch (error) {
    return { failure: failureOf(error, name) };
  }
}

export const isPromise = <T>(value: T | Promise<T>): value is Promise<T> =>
  typeof (value as Promise<T>).then === 'function';

function startTask(kind: JobKind, task: Task, environment: TaskEnvironment): Outcome | Promise<Outcome> {
  const { item } = task;
  const context = contextOf(task, environment);
  if (task.step) return runStep(kind, task, context, environment);
  const cost = kind.cost(item, context);
  if (cost !== 0) return runAdmitted(kind, task, context, environment, cost);
  const result = kind.run(item, context);
  const waits = isPromise(result) || (!('failure' in result) && (result.files?.length ?? 0) > 0);
  return waits ? outcomeOf(task, result, environment) : plainOutcome(item.name, result as ItemResult);
}

async function runAdmitted(
  kind: JobKind,
  task: Task,
  context: ItemContext<unknown>,
  environment: TaskEnvironment,
  cost: number | Promise<number>,
): Promise<Outcome> {
  await environment.admit(await cost);
  return outcomeOf(task, kind.run(task.item, context), environment);
}

function contextOf(task: Task, environment: TaskEnvironment): ItemContext<unknown> {
  const { job, spec, item } = task;
  let reading: Promise<Buffer> | undefined;
  return {
    job,
    spec,
    read() {
      reading ??= readInput(task, environment);
      return reading;
    },
    store: (content, file) => storeStream(item.name, content, file, environment),
    database: environment.database,
    http: environment.http,
    models: environment.models,
    step: environment.step,
    get signal() {
      return environment.signal;
    },
    limits: environment.limits,
  };
}

async function outcomeOf(
  { item: { name }, inlineBytes }: Task,
  running: ItemResult | Promise<ItemResult>,
  environment: TaskEnvironment,
): Promise<Outcome> {
  const result = await running;
  const outcome = plainOutcome(name, result);
  if ('failure' in outcome || 'failure' in result) return outcome;
  const files = result.files ?? [];
  if (inlineBytes !== undefined) return inlined(name, outcome.value, files, inlineBytes);
  if (files.some((file) => 'bytes' in file)) environment.onComputed?.();
  for (const file of files) outcome.files.push('key' in file ? file : await storeOutput(name, file, environment));
  return outcome;
}

/** Leaves its files to the caller. */
function plainOutcome(name: string, result: ItemResult): Outcome {
  if ('failure' in result) return { failure: failureOfKind(name, result) };
  const value = result.json === undefined ? storable(name, result.value) : storableText(name, result.json);
  return { files: [], value };
}

async function runStep(
  kind: JobKind,
  { item, step }: Task,
  context: ItemContext<unknown>,
  { admit }: TaskEnvironment,
): Promise<Outcome> {
  const { cost, run } = kind.steps![step!.name]!;
  await admit(await cost(item, context, step!.given));
  return { files: [], value: 'null', output: await run(item, context, step!.given) };
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
