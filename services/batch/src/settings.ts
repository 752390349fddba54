/** The options of each part of the service, from its environment. */
import { fileStoreOptions } from '@tidemark/files';
import { commaSeparated } from '@tidemark/service';
import type { ChunkLedgerOptions } from './chunks/chunk-ledger.ts';
import { type Config, workerSizes } from './config.ts';
import type { SafeHttpOptions } from './http/safe-http.ts';
import type { PlannerOptions } from './jobs/planner.ts';
import type { InstanceLimits } from './kinds/job-kind.ts';
import { type Kinds, kindModules } from './kinds/load-kinds.ts';
import type { ModelServerOptions } from './models/model-server.ts';
import type { ChunkHandlerOptions } from './runner/chunk-handler.ts';
import type { WorkerPoolOptions } from './workers/worker-pool.ts';

/** When a store takes longer, the chunk is tried again; when the whole time is over, the item has failed. */
const STORE_SHARE = 1 / 3;
/** ms for a full disk or a lost connection to recover before the sweeper publishes the chunk again. */
const FAULT_DELAY_MS = 5_000;
/** Chunks of a job on the queue, for each thread. */
const WINDOW_PER_THREAD = 4;

export const rolesOfJobs = (config: Config): readonly string[] => commaSeparated(config.JWT_ROLES);

export const windowOf = (config: Config): number =>
  config.BATCH_WINDOW || workerSizes(config).threads * WINDOW_PER_THREAD;

/** Chunks at a time, by where their kind runs. Two for each worker: storing results and completing chunks overlap with other items. */
export const slotsOf = (config: Config): ChunkHandlerOptions['slots'] => ({
  thread: workerSizes(config).threads * 2,
  main: config.BATCH_MAIN_CHUNKS,
});

export const instanceLimits = (config: Config): InstanceLimits => ({
  inputBytes: config.BATCH_MAX_INPUT_BYTES,
  pixels: config.BATCH_MAX_PIXELS,
  itemMs: config.BATCH_ITEM_TIMEOUT_MS,
});

export const storeTimeoutMs = (config: Config): number => Math.ceil(config.BATCH_ITEM_TIMEOUT_MS * STORE_SHARE);

/** The limits of kinds whose targets have one of their own. */
export const targetCalls = (config: Config): Readonly<Record<string, number>> => ({
  'image.segment': config.SEGMENT_CONCURRENCY,
});

export const modelSettings = (config: Config): ModelServerOptions => ({
  url: config.SEGMENT_MODEL_URL,
  timeoutMs: config.SEGMENT_TIMEOUT_MS,
});

export const httpSettings = (config: Config): SafeHttpOptions => ({
  hosts: config.BATCH_HTTP_HOSTS,
  secrets: config.BATCH_HTTP_SECRETS,
  maxBytes: config.BATCH_HTTP_MAX_BYTES,
});

export const workerPoolSettings = (
  config: Config,
  kinds: Kinds,
): Omit<WorkerPoolOptions, 'file' | 'admission' | 'observe'> => ({
  workerData: {
    kinds: kindModules(kinds),
    store: fileStoreOptions(config),
    storeTimeoutMs: storeTimeoutMs(config),
    limits: instanceLimits(config),
  },
  threads: workerSizes(config).threads,
  // A step of an item on 'main' takes a place as well.
  waitingLimit: slotsOf(config).thread + workerSizes(config).threads,
  recycleAfterTasks: config.BATCH_RECYCLE_ITEMS,
  recycleBytes: config.BATCH_RECYCLE_MB * 1024 ** 2,
  maxChildBytes: workerSizes(config).childBytes,
});

export const attemptSettings = (config: Config): Pick<ChunkLedgerOptions, 'maxAttempts' | 'faultDelayMs'> => ({
  maxAttempts: config.BATCH_MAX_ATTEMPTS,
  faultDelayMs: FAULT_DELAY_MS,
});

export const plannerSettings = (
  config: Config,
): Pick<PlannerOptions, 'window' | 'threads' | 'chunkItems' | 'maxItems' | 'maxRunningJobs' | 'roles'> => ({
  window: windowOf(config),
  threads: workerSizes(config).threads,
  chunkItems: config.BATCH_CHUNK_ITEMS,
  maxItems: config.BATCH_MAX_ITEMS,
  maxRunningJobs: config.BATCH_RUNNING_JOBS,
  roles: rolesOfJobs(config),
});
