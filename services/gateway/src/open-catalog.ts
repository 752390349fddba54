/** The catalog of the exposed schemas, which is checked for changes at an interval, and the plans made with it. */
import type { Lsn } from '@tidemark/contracts';
import type { Database } from '@tidemark/db';
import { type CatalogFollower, followCatalog, PlanCache } from '@tidemark/plan';
import { every, type Metrics } from '@tidemark/service';
import type { Cache } from './cache/cache.ts';
import type { Config } from './config.ts';
import type { GatewayEvent } from './events.ts';
import { registerPlanMetrics } from './metrics.ts';

export interface OpenCatalogOptions {
  readonly config: Config;
  readonly db: Database;
  readonly cache: Cache | undefined;
  readonly metrics: Metrics;
  observe(event: GatewayEvent): void;
}

export interface OpenedCatalog {
  readonly catalog: CatalogFollower;
  readonly plans: PlanCache;
  stopCatalog(): void;
}

export async function openCatalog(options: OpenCatalogOptions): Promise<OpenedCatalog> {
  const { config, db, cache, metrics, observe } = options;
  const onError = (error: Error) => observe({ type: 'gateway.catalog_failed', error });
  const catalog = await followCatalog({
    pool: db.pools.admin,
    schemas: config.schemas,
    searched: config.extraSearchPath,
    onReload: (loaded) => {
      cache?.dropAll();
      db.schemaChanged().catch(onError);
      const relations = config.schemas.reduce((sum, schema) => sum + loaded.relations(schema).length, 0);
      observe({ type: 'gateway.catalog_reloaded', version: loaded.version, relations });
    },
  });
  const look = whenWalMoves(() => cache?.position(), catalog.refresh);
  const checks = every('catalog', config.CATALOG_INTERVAL_MS, look, ({ error }) => onError(error));
  const plans = new PlanCache();
  registerPlanMetrics(metrics, plans);
  return { catalog, plans, stopCatalog: checks.stop };
}

/** A commit is visible a moment after its record is flushed, or much later where a synchronous standby does not answer. */
const UNSEEN_MS = 30_000;

/** Leaves out checks between which nothing was written: the relay's heartbeats tell. `position` is undefined when they do not. */
export function whenWalMoves(position: () => Lsn | undefined, check: () => unknown, unseenMs: number = UNSEEN_MS) {
  let seen: Lsn | undefined;
  let isSettled = false;
  let checkedAt = 0;
  return () => {
    const now = performance.now();
    const at = position();
    const isSame = at !== undefined && at === seen;
    if (isSame && isSettled && now - checkedAt < unseenMs) return undefined;
    // The check after the first one at a position sees what became visible meanwhile.
    isSettled = isSame;
    seen = at;
    checkedAt = now;
    return check();
  };
}
