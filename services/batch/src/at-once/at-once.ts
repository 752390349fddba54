/** Answers requests of gateways without a job, in worker processes of its own: jobs delay them by their use of the processor alone. */
import type { Bus } from '@tidemark/bus';
import { AT_ONCE_MAX_BYTES, type AtOnceAnswer, AtOnceRequest, TidemarkError } from '@tidemark/contracts';
import { workerSizes } from '../config.ts';
import { errors } from '../errors.ts';
import type { Resources } from '../resources.ts';
import { workerPoolSettings } from '../settings.ts';
import type { Admission } from '../workers/admission.ts';
import type { Task } from '../workers/protocol.ts';
import { createWorkerPool, type WorkerPool } from '../workers/worker-pool.ts';

export interface AtOnceOptions {
  resources: Resources;
  bus: Bus;
  /** The jobs use it, too, so that all of them together stay below its limit. */
  admission: Admission;
  workerFile: URL;
}

export interface AtOnce {
  /** The planner uses them, too, to look into the documents of jobs. */
  workers: WorkerPool;
  running(): number;
  stopTaking(): void;
  close(): Promise<void>;
}

/** Instances share the questions. */
const QUEUE = 'batch';

export function startAtOnce({ resources, bus, admission, workerFile }: AtOnceOptions): AtOnce {
  const { config, kinds, observe } = resources;
  const concurrency = config.BATCH_AT_ONCE;
  const workers = createWorkerPool({
    ...workerPoolSettings(config, kinds),
    threads: Math.min(concurrency, workerSizes(config).threads),
    least: 0,
    // The planner looks into one document at a time.
    waitingLimit: concurrency + 1,
    file: workerFile,
    admission,
    observe,
  });
  let running = 0;

  async function answer(request: AtOnceRequest): Promise<AtOnceAnswer> {
    running += 1;
    try {
      return await run(workers, request);
    } finally {
      running -= 1;
    }
  }

  const subscription = bus.answer(bus.subjects.atOnce, answer, { schema: AtOnceRequest, concurrency, queue: QUEUE });
  return {
    workers,
    running: () => running,
    stopTaking: () => subscription.unsubscribe(),
    close: () => workers.close(),
  };
}

async function run(workers: WorkerPool, request: AtOnceRequest): Promise<AtOnceAnswer> {
  const { timeoutMs } = request;
  const signal = AbortSignal.timeout(timeoutMs);
  const outcome = await workers.run(taskOf(request), timeoutMs, signal).catch((error: unknown) => {
    throw signal.aborted ? errors.AT_ONCE_LATE({ ms: timeoutMs }, { cause: error }) : error;
  });
  if ('failure' in outcome) {
    const { code, message, hint, status = 500 } = outcome.failure;
    throw new TidemarkError({ code, status, message, hint, details: null });
  }
  return {
    value: JSON.parse(outcome.value),
    files: (outcome.inline ?? []).map(({ contentType, bytes }) => ({ contentType, bytes: bytes.toString('base64') })),
  };
}

function taskOf(request: AtOnceRequest): Task {
  const { kind, spec, name, key = null, bytes } = request;
  const page = request.kind === 'ocr' ? { page: request.page ?? 1 } : {};
  return {
    job: 'at once',
    kind,
    spec,
    item: { index: 0, input: { file: '', name, ...page }, name, key, owner: null },
    ...(bytes !== undefined && { bytes: Buffer.from(bytes, 'base64') }),
    inlineBytes: AT_ONCE_MAX_BYTES,
  };
}
