import { availableParallelism } from 'node:os';
import { fileStoreConfig } from '@tidemark/files';
import { baseConfig, databaseConfig, limiterConfig, tokenConfig } from '@tidemark/service';
import { type Static, Type } from 'typebox';
import { errors } from './errors.ts';

// Batch reads only from the primary, because a replica may not have replayed files that were uploaded just before the job.
const { DATABASE_REPLICA_URLS: _replicas, ...base } = baseConfig;
const {
  DB_READ_REPLICA_HOST: _host,
  DB_READ_POOL_MAX: _readMax,
  DB_READ_POOL_MIN: _readMin,
  ...database
} = databaseConfig;

export const configSchema = Type.Object({
  ...base,
  ...database,
  // Jobs may run as the roles that the gateway accepts in tokens (JWT_ROLES); the keys verify tokens of operators.
  ...tokenConfig,
  ...limiterConfig,
  PORT: Type.Integer({ default: 8082, minimum: 0, maximum: 65_535, description: 'port of /livez, /readyz, /metrics' }),
  ...fileStoreConfig,
  BATCH_KINDS: Type.String({
    default: '',
    description:
      'files with kinds of jobs beside the built-in ones, separated by commas; * in a file name stands for any text',
  }),
  BATCH_THREADS: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 256,
    description: 'worker threads; 0: one for each core, but one fewer than UV_THREADPOOL_SIZE (4 when unset)',
  }),
  BATCH_CHUNK_ITEMS: Type.Integer({
    default: 16,
    minimum: 1,
    maximum: 1_000,
    description: 'most items in a chunk: what a crash repeats, against the cost of a transaction for each chunk',
  }),
  BATCH_WINDOW: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 10_000,
    description: 'chunks of a job on the queue at a time; 0: four for each thread. How far a job runs ahead of others',
  }),
  BATCH_RUNNING_JOBS: Type.Integer({
    default: 64,
    minimum: 1,
    maximum: 10_000,
    description: 'jobs planned or running at a time, over all instances; more wait as rows. Bounds the queue',
  }),
  BATCH_MAX_ITEMS: Type.Integer({
    default: 1_000_000,
    minimum: 1,
    maximum: 1_000_000_000,
    description: 'most items of a job; they are planned in pages, and never all in memory',
  }),
  BATCH_DECODED_BYTES: Type.Integer({
    default: 256 * 1024 ** 2,
    minimum: 1024 ** 2,
    description: 'bytes of decoded pixels that all threads may hold together; keeps native memory below it',
  }),
  BATCH_MAX_PIXELS: Type.Integer({
    default: 100_000_000,
    minimum: 1,
    maximum: 268_402_689,
    description:
      'width × height × pages of an input; larger ones are refused before decoding. At most sharp’s own limit',
  }),
  BATCH_MAX_INPUT_BYTES: Type.Integer({
    default: 64 * 1024 ** 2,
    minimum: 1,
    maximum: 1024 ** 3,
    description: 'bytes of an input file; a thread holds them in memory',
  }),
  BATCH_ITEM_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 50,
    maximum: 600_000,
    description: 'ms for one item; a thread that takes longer is replaced',
  }),
  BATCH_RECYCLE_ITEMS: Type.Integer({
    default: 2_000,
    minimum: 1,
    description: 'items after which a thread is replaced; returns what native code fragments or leaks',
  }),
  BATCH_LEASE_MS: Type.Integer({
    default: 30_000,
    minimum: 1_000,
    maximum: 600_000,
    description: 'ms after the last sign of life of its runner until a chunk is taken back; renewed at a third of it',
  }),
  BATCH_MAX_ATTEMPTS: Type.Integer({
    default: 3,
    minimum: 1,
    maximum: 100,
    description: 'attempts of an item whose failure may pass, and processes that may end while they run it alone',
  }),
  BATCH_CHILD_BYTES: Type.Integer({
    default: 1024 ** 3,
    minimum: 64 * 1024 ** 2,
    description:
      'bytes of memory of the child process that runs a suspect: an item whose process died. It is killed above',
  }),
  BATCH_SWEEP_MS: Type.Integer({
    default: 1_000,
    minimum: 50,
    maximum: 60_000,
    description: 'ms between sweeps: the longest wait for what a lost message would have brought at once',
  }),
  BATCH_PROGRESS_MS: Type.Integer({
    default: 200,
    minimum: 10,
    maximum: 60_000,
    description: 'ms between updates of jobs.done and jobs.failed: each one is a change for every subscriber',
  }),
  BATCH_SHUTDOWN_MS: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 600_000,
    description: 'ms that running chunks may take to finish at shutdown; then they are handed back',
  }),
});

export interface Config extends Static<typeof configSchema> {}

/** The default of libuv. */
const UV_THREADS = 4;

/** sharp uses libuv's threads, and one of them is left for file access. */
export function threadCount(wanted: number, uvThreadpoolSize: string | undefined): number {
  const libuv = Number(uvThreadpoolSize) > 0 ? Number(uvThreadpoolSize) : UV_THREADS;
  if (wanted === 0) return Math.max(1, Math.min(availableParallelism(), libuv - 1));
  if (wanted >= libuv) throw errors.TOO_MANY_THREADS({ threads: wanted, libuv });
  return wanted;
}
