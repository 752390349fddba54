/**
 * Keeps a catalog up to date: a change of the schema is noticed by a fingerprint of Postgres's catalogs and read beside the
 * requests, which go on with the old one until the new one is whole.
 */
import type { Pool } from '@tidemark/db';
import { every } from '@tidemark/service';
import type { Catalog } from './catalog.ts';
import { loadCatalog } from './load.ts';
import { FINGERPRINT } from './statements.ts';

export interface CatalogFollower {
  current(): Catalog;
  /** Reads it anew if it has changed. Called by itself every `intervalMs`, and when a statement shows that it is stale. */
  refresh(): Promise<boolean>;
  stop(): void;
}

export interface FollowOptions {
  pool: Pool;
  schemas: readonly string[];
  intervalMs: number;
  onReload(catalog: Catalog): void;
  onError(error: Error): void;
}

export async function followCatalog(options: FollowOptions): Promise<CatalogFollower> {
  const { pool, schemas, onReload, onError } = options;
  // The fingerprint comes first: what changes while the catalog is read is then noticed by the next look.
  let fingerprint = await readFingerprint(pool);
  let catalog = await loadCatalog(pool, schemas);
  let running: Promise<boolean> | undefined;

  async function refresh(): Promise<boolean> {
    const seen = await readFingerprint(pool);
    if (seen === fingerprint) return false;
    catalog = await loadCatalog(pool, schemas);
    fingerprint = seen;
    onReload(catalog);
    return true;
  }

  /** One at a time: a second caller gets the first one's answer. */
  function refreshOnce(): Promise<boolean> {
    running ??= refresh().finally(() => {
      running = undefined;
    });
    return running;
  }

  const timer = every('catalog', options.intervalMs, refreshOnce, ({ error }) => onError(error));
  return {
    current: () => catalog,
    refresh: refreshOnce,
    stop: timer.stop,
  };
}

async function readFingerprint(pool: Pool): Promise<string> {
  const [row] = await pool.query<{ fingerprint: string }>(FINGERPRINT);
  return row?.fingerprint ?? '';
}
