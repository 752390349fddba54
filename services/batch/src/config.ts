import { availableParallelism, totalmem } from 'node:os';
import { fileStoreConfig } from '@tidemark/files';
import { baseConfig, databaseConfig, limiterConfig, tokenConfig, tracingConfig } from '@tidemark/service';
import { type Static, Type } from 'typebox';

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
  ...tracingConfig,
  PORT: Type.Integer({ default: 8082, minimum: 0, maximum: 65_535, description: 'port of /livez, /readyz, /metrics' }),
  ...fileStoreConfig,
  DB_SCHEMAS: Type.String({
    default: 'public,tidemark',
    description: 'schemas whose tables jobs may query, as in the gateway; the first is the default',
  }),
  BATCH_KINDS: Type.String({
    default: '',
    description:
      'files with kinds of jobs beside the built-in ones, separated by commas; * in a file name stands for any text',
  }),
  BATCH_HTTP_HOSTS: Type.String({
    default: '',
    description:
      'hosts that jobs may call, separated by commas: api.example.com, *.example.com, or an address; with a port where it is not the usual one. Names lead to public addresses only',
  }),
  BATCH_HTTP_SECRETS: Type.String({
    default: '',
    description: 'secrets for headers of calls, as JSON, each bound to a host: {"NAME": {"host": "…", "value": "…"}}',
  }),
  BATCH_HTTP_MAX_BYTES: Type.Integer({
    default: 10 * 1024 ** 2,
    minimum: 1_024,
    maximum: 1024 ** 3,
    description: 'bytes of a response, also when it is decompressed',
  }),
  BATCH_AT_ONCE: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 256,
    description:
      'requests of gateways (transforms, thumbnails, OCR) that are answered without a job at a time, in worker processes beside those of jobs; further ones get 503',
  }),
  SEGMENT_MODEL_URL: Type.String({
    default: '',
    pattern: '^(https?://[^ ]+)?$',
    description:
      'URL of a model server for image.segment that speaks the Open Inference Protocol v2; it may be local. Empty: none',
  }),
  SEGMENT_CONCURRENCY: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 64,
    description: 'images that the model server gets at a time, from all instances together',
  }),
  SEGMENT_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 50,
    maximum: 120_000,
    description: 'ms for one answer of the model server',
  }),
  BATCH_THREADS: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 256,
    description:
      'most worker processes, each of which runs one item at a time; 0: one for each core. Idle ones end, but for one',
  }),
  BATCH_MAIN_CHUNKS: Type.Integer({
    default: 16,
    minimum: 1,
    maximum: 1_000,
    description: 'chunks of kinds that wait instead of compute (runsOn main) at a time',
  }),
  BATCH_WRITERS: Type.Integer({
    default: 4,
    minimum: 1,
    maximum: 100,
    description:
      'transactions at a time that write many rows (corpus.generate), each on a connection; an identity uses at most three of four',
  }),
  BATCH_REPORTS: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    description: 'PDF reports drawn at a time, each on a thread that needs up to 256 MB; others wait',
  }),
  BATCH_TENANT_CLAIM: Type.String({
    default: 'sub',
    minLength: 1,
    maxLength: 255,
    description:
      'claim of the token that names the tenant of a job: a name, or a path with dots. Tenants share the threads evenly',
  }),
  BATCH_CHUNK_ITEMS: Type.Integer({
    default: 2_000,
    minimum: 1,
    maximum: 2_000,
    description:
      'most items in a chunk. It has as many as take half a second together. Before those of the job are measured, items of its kind that ran here lately count, and without any a chunk has 16: what a crash repeats, against the cost of a transaction for each chunk',
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
  BATCH_MEMORY_MB: Type.Integer({
    default: 0,
    minimum: 0,
    maximum: 1_048_576,
    description:
      'MB that the running items may need together, by the costs that their kinds name; others wait. 0: a quarter of the memory of the machine or container, at most 2,048',
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
    default: 120_000,
    minimum: 50,
    maximum: 600_000,
    description: 'ms for one item, unless its kind allows less; a process that takes longer is killed',
  }),
  BATCH_RECYCLE_ITEMS: Type.Integer({
    default: 20_000,
    minimum: 1,
    description: 'items after which a worker process is replaced; returns what native code fragments or leaks',
  }),
  BATCH_RECYCLE_MB: Type.Integer({
    default: 384,
    minimum: 64,
    description: 'MB of resident memory from which on a worker process is replaced after its item',
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
    description: 'attempts of an item whose failure may pass, and instances that may end while they run it alone',
  }),
  BATCH_CHILD_BYTES: Type.Integer({
    default: 0,
    minimum: 0,
    description:
      'bytes of resident memory above which a worker process is killed; 0: those of BATCH_MEMORY_MB and 256 MB more',
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
  BATCH_RETAIN_DAYS: Type.Integer({
    default: 30,
    minimum: 0,
    maximum: 36_500,
    description: 'days after its end until a job is deleted with its items and outputs; 0: never',
  }),
  BATCH_SHUTDOWN_MS: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 600_000,
    description: 'ms that running chunks may take to finish at shutdown; then they are handed back',
  }),
});

export interface Config extends Static<typeof configSchema> {}

const MB = 1024 ** 2;
const MAX_DEFAULT_BYTES = 2_048 * MB;
/** Node, sharp and the file store, with what glibc keeps. */
const PROCESS_BYTES = 256 * MB;

export interface WorkerSizes {
  threads: number;
  memoryBytes: number;
  childBytes: number;
}

export function workerSizes(
  config: Pick<Config, 'BATCH_THREADS' | 'BATCH_MEMORY_MB' | 'BATCH_CHILD_BYTES'>,
): WorkerSizes {
  // A process without a limit has one of 2^64 bytes, or none.
  const available = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const memoryBytes = config.BATCH_MEMORY_MB * MB || Math.min(MAX_DEFAULT_BYTES, Math.floor(available / 4));
  return {
    threads: config.BATCH_THREADS || availableParallelism(),
    memoryBytes,
    childBytes: config.BATCH_CHILD_BYTES || memoryBytes + PROCESS_BYTES,
  };
}
