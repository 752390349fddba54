import { randomUUID } from 'node:crypto';
import type { Bus } from '@tidemark/bus';
import type { Database, DatabaseOptions } from '@tidemark/db';
import { createFileRegistry, fileStoreOptions, openFileStore } from '@tidemark/files';
import { commaSeparated } from '@tidemark/service';
import { createAlerts } from './alerts/alerts.ts';
import { watchDeadLetters } from './alerts/dead-letters.ts';
import { createChunkLedger } from './chunks/chunk-ledger.ts';
import { type Config, workerSizes } from './config.ts';
import type { BatchEvent } from './events.ts';
import { createThreadUsage } from './fairness/thread-usage.ts';
import { createSafeHttp } from './http/safe-http.ts';
import { createJobLedger } from './jobs/job-ledger.ts';
import { jobStatements } from './jobs/job-statements.ts';
import { createPlanner } from './jobs/planner.ts';
import type { InstanceLimits } from './kinds/job-kind.ts';
import { registerKinds } from './kinds/kind-registry.ts';
import { kindModules, loadKinds } from './kinds/load-kinds.ts';
import { type Leases, startLeases } from './leases/leases.ts';
import { createChunkQueue } from './queue/chunk-queue.ts';
import { followJobChanges } from './queue/job-changes.ts';
import { startRetention } from './retention/retention.ts';
import { type ChunkHandler, createChunkHandler } from './runner/chunk-handler.ts';
import { createProgress } from './runner/progress.ts';
import { createInputReader } from './runner/read-inputs.ts';
import { type Runner, startRunner } from './runner/runner.ts';
import { createStoreGate, type StoreGate } from './runner/store-gate.ts';
import { startScheduler } from './schedules/scheduler.ts';
import type { Snapshots } from './snapshots/snapshots.ts';
import { type Sweeper, startSweeper } from './sweeper/sweeper.ts';
import { startTemporarySweep } from './sweeper/temporary-sweep.ts';
import { openJobDatabase } from './tables/job-database.ts';
import { type Admission, createAdmission } from './workers/admission.ts';
import { createWorkerPool, type WorkerPool } from './workers/worker-pool.ts';

export interface Batch {
  readonly database: Database;
  readonly bus: Bus;
  readonly runner: Runner;
  readonly sweeper: Sweeper;
  readonly handler: ChunkHandler;
  readonly workers: WorkerPool;
  readonly leases: Leases;
  readonly storeGate: StoreGate;
  readonly admission: Admission;
  readonly snapshots: Snapshots;
  stopTaking(): Promise<void>;
  close(): Promise<void>;
}

export interface BatchDeps {
  config: Config;
  instance: string;
  database: Database;
  /** The leases have connections of their own. */
  databaseOptions: Omit<DatabaseOptions, 'observe'>;
  bus: Bus;
  workerFile: URL;
  observe: (event: BatchEvent) => void;
}

/** When a store takes longer, the chunk is tried again; when the whole time is over, the item has failed. */
const STORE_SHARE = 1 / 3;
/** ms for a full disk or a lost connection to recover before the sweeper publishes the chunk again. */
const FAULT_DELAY_MS = 5_000;

export async function startBatch(deps: BatchDeps): Promise<Batch> {
  const { config, database, bus, observe } = deps;
  const { threads, memoryBytes, childBytes } = workerSizes(config);
  const pool = database.pools.write;
  const registry = createFileRegistry(pool);
  const roles = commaSeparated(config.JWT_ROLES);
  const storeOptions = fileStoreOptions(config);
  // One chunk more than workers: its transaction overlaps the others' work.
  const slots = { thread: threads + 1, main: config.BATCH_MAIN_CHUNKS };
  const window = config.BATCH_WINDOW || threads * 4;
  const queue = createChunkQueue(bus, observe);
  const kinds = await loadKinds(config.BATCH_KINDS);
  await pool.query(jobStatements.keepTenantClaim, [config.BATCH_TENANT_CLAIM]);
  const registered = await registerKinds(pool, kinds, observe);
  await queue.ensure();
  const store = await openFileStore(storeOptions);
  const http = createSafeHttp({
    hosts: config.BATCH_HTTP_HOSTS,
    secrets: config.BATCH_HTTP_SECRETS,
    maxBytes: config.BATCH_HTTP_MAX_BYTES,
  });
  const worker = `${deps.instance}/${randomUUID()}`;
  const { databaseOf, snapshots } = openJobDatabase({ database, registry, store, config, roles, worker, observe });

  const limits: InstanceLimits = {
    inputBytes: config.BATCH_MAX_INPUT_BYTES,
    pixels: config.BATCH_MAX_PIXELS,
    itemMs: config.BATCH_ITEM_TIMEOUT_MS,
  };
  const storeTimeoutMs = Math.ceil(config.BATCH_ITEM_TIMEOUT_MS * STORE_SHARE);
  const admission = createAdmission(memoryBytes);
  const workers = createWorkerPool({
    file: deps.workerFile,
    workerData: { kinds: kindModules(kinds), store: storeOptions, storeTimeoutMs, limits },
    threads,
    waitingLimit: slots.thread,
    recycleAfterTasks: config.BATCH_RECYCLE_ITEMS,
    recycleBytes: config.BATCH_RECYCLE_MB * 1024 ** 2,
    maxChildBytes: childBytes,
    admission,
    observe,
  });
  const alerts = createAlerts(bus, deps.instance, observe);
  const storeGate = createStoreGate({ store, alerts, observe, onOpen: () => runner.wake() });
  const leaseMs = config.BATCH_LEASE_MS;
  const leases = await startLeases({ database: deps.databaseOptions, worker, leaseMs, observe });
  const jobs = createJobLedger({ pool, kinds, window, observe });
  const chunks = createChunkLedger({
    pool,
    registry,
    jobs,
    observe,
    worker,
    leaseMs,
    maxAttempts: config.BATCH_MAX_ATTEMPTS,
    faultDelayMs: FAULT_DELAY_MS,
    onRoom: (job) => sweeper.planPage(job),
  });
  const planner = createPlanner({
    pool,
    database,
    kinds,
    registry,
    databaseOf,
    http,
    window,
    observe,
    ledger: jobs,
    publish: queue.publish,
    threads,
    chunkItems: config.BATCH_CHUNK_ITEMS,
    maxItems: config.BATCH_MAX_ITEMS,
    maxRunningJobs: config.BATCH_RUNNING_JOBS,
    roles,
  });
  const progress = createProgress(pool, config.BATCH_PROGRESS_MS, observe);
  const handler = createChunkHandler({
    kinds,
    workers,
    limits,
    chunks,
    progress,
    observe,
    databaseOf,
    http,
    main: { store, storeTimeoutMs },
    slots,
    usage: createThreadUsage(threads),
    readInputs: createInputReader(registry, roles),
    leases,
    storeGate,
    publish: queue.publish,
    maxAttempts: config.BATCH_MAX_ATTEMPTS,
    faultDelayMs: FAULT_DELAY_MS,
  });
  const runner = startRunner({
    queue,
    observe,
    handle: handler.handle,
    slots: slots.thread + slots.main,
    mayTake: storeGate.isOpen,
  });
  const sweeper = startSweeper({
    pool,
    planner,
    jobs,
    chunks,
    queue,
    observe,
    onCancelled: handler.cancel,
    intervalMs: config.BATCH_SWEEP_MS,
    leaseMs,
  });
  const scheduler = startScheduler({
    pool,
    roles,
    observe,
    intervalMs: config.BATCH_SWEEP_MS,
    onStarted: sweeper.wake,
  });
  const watching = queue.watch(runner.wake);
  const changes = followJobChanges({ bus, onQueued: sweeper.wake, onCancelled: handler.cancel });
  const temporary = startTemporarySweep(store, observe);
  const deadLetters = watchDeadLetters(pool, alerts, observe);
  const retention = startRetention({ pool, days: config.BATCH_RETAIN_DAYS, observe });

  return {
    database,
    bus,
    runner,
    sweeper,
    handler,
    workers,
    leases,
    storeGate,
    admission,
    snapshots,
    async stopTaking() {
      registered.stop();
      watching.stop();
      temporary.stop();
      deadLetters.stop();
      alerts.stop();
      storeGate.stop();
      await Promise.all([changes.stop(), runner.stop(), sweeper.stop(), scheduler.stop(), retention.stop()]);
    },
    async close() {
      handler.stop();
      await progress.stop();
      await Promise.all([workers.close(), leases.stop(), snapshots.stop(), http.close()]);
      store.close();
    },
  };
}
