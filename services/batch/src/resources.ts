/** The resources that the planning and the running of jobs share: kinds, queue, file store, tables, HTTP and leases. */
import { randomUUID } from 'node:crypto';
import type { Bus } from '@tidemark/bus';
import type { Database, DatabaseOptions } from '@tidemark/db';
import { createFileRegistry, fileStoreOptions, openFileStore } from '@tidemark/files';
import type { Tracing } from '@tidemark/service';
import type { Config } from './config.ts';
import type { BatchEvent } from './events.ts';
import { createSafeHttp } from './http/safe-http.ts';
import { jobStatements } from './jobs/job-statements.ts';
import { createKindTimes } from './jobs/kind-times.ts';
import { registerKinds } from './kinds/kind-registry.ts';
import { loadKinds } from './kinds/load-kinds.ts';
import { createLeases } from './leases/leases.ts';
import { createModelServer } from './models/model-server.ts';
import { createChunkQueue } from './queue/chunk-queue.ts';
import * as settings from './settings.ts';
import { createWorkWatch } from './sweeper/work-watch.ts';
import { openJobDatabase } from './tables/job-database.ts';
import { createJobTraces } from './tracing/job-traces.ts';

export interface ResourcesOptions {
  config: Config;
  instance: string;
  database: Database;
  /** The leases have connections of their own. */
  leaseDatabase: Omit<DatabaseOptions, 'observe'>;
  bus: Bus;
  tracing: Tracing | undefined;
  observe: (event: BatchEvent) => void;
}

export type Resources = Awaited<ReturnType<typeof openResources>>;

export async function openResources(options: ResourcesOptions) {
  const { config, instance, database, leaseDatabase, bus, observe } = options;
  const pool = database.pools.write;
  const roles = settings.rolesOfJobs(config);
  const worker = `${instance}/${randomUUID()}`;
  const kinds = await loadKinds(config.BATCH_KINDS);
  await pool.query(jobStatements.keepTenantClaim, [config.BATCH_TENANT_CLAIM]);
  const registration = await registerKinds(pool, kinds, settings.targetCalls(config), observe);
  const queue = createChunkQueue(bus, observe);
  await queue.ensure();
  const registry = createFileRegistry(pool);
  const store = await openFileStore(fileStoreOptions(config));
  const http = createSafeHttp(settings.httpSettings(config));
  const models = createModelServer(settings.modelSettings(config));
  const work = createWorkWatch(pool);
  const tables = openJobDatabase({ database, registry, store, config, roles, worker, work, observe });
  const leases = createLeases({ database: leaseDatabase, worker, leaseMs: config.BATCH_LEASE_MS, observe });

  return {
    config,
    database,
    pool,
    roles,
    worker,
    work,
    kinds,
    times: createKindTimes(),
    queue,
    registry,
    store,
    http,
    models,
    ...tables,
    leases,
    traces: createJobTraces(pool, options.tracing),
    observe,
    stopRegistration: registration.stop,
    async close(): Promise<void> {
      await Promise.all([leases.stop(), tables.snapshots.stop(), http.close(), models.close()]);
      store.close();
    },
  };
}
