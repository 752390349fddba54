/** Keeps a catalog current: reads it again when a fingerprint of Postgres's catalogs shows a change. */
import type { Pool } from '@tidemark/db';
import type { Catalog } from './catalog.ts';
import { loadCatalog } from './load.ts';
import { FINGERPRINT } from './statements.ts';

export interface CatalogFollower {
  current(): Catalog;
  /** Resolves to whether the schema had changed. Requests use the current catalog until the new one is complete. */
  refresh(): Promise<boolean>;
  /** Looks again, and resolves to whether another catalog than this one is current then. */
  hasChangedSince(catalog: Catalog): Promise<boolean>;
}

export interface FollowOptions {
  pool: Pool;
  schemas: readonly string[];
  /** Schemas of the search path that are not exposed; default `public`. */
  searched?: readonly string[];
  onReload(catalog: Catalog): void;
}

/** Least time between looks that refused statements cause, ms: a look takes some milliseconds of Postgres. */
const PAUSE_MS = 100;

export async function followCatalog({ pool, schemas, searched, onReload }: FollowOptions): Promise<CatalogFollower> {
  // The fingerprint comes first: the next look then notices a change that happens while the catalog is read.
  let fingerprint = await readFingerprint(pool);
  let catalog = await loadCatalog(pool, schemas, searched);
  let running: Promise<boolean> | undefined;
  let asked: Promise<boolean> | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;

  /** All that ask before it begins share a look. */
  async function lookAgain(): Promise<boolean> {
    await running?.catch(() => false);
    await new Promise((resolve) => setTimeout(resolve, lookedAt + PAUSE_MS - performance.now()));
    asked = undefined;
    lookedAt = performance.now();
    return look();
  }

  function look(): Promise<boolean> {
    running ??= refresh().finally(() => {
      running = undefined;
    });
    return running;
  }

  async function refresh(): Promise<boolean> {
    const seen = await readFingerprint(pool);
    if (seen === fingerprint) return false;
    catalog = await loadCatalog(pool, schemas, searched);
    fingerprint = seen;
    onReload(catalog);
    return true;
  }

  return {
    current: () => catalog,
    refresh: look,
    async hasChangedSince(former) {
      if (catalog !== former) return true;
      asked ??= lookAgain();
      await asked;
      return catalog !== former;
    },
  };
}

async function readFingerprint(pool: Pool): Promise<string> {
  const [row] = await pool.query<{ fingerprint: string }>(FINGERPRINT);
  return row?.fingerprint ?? '';
}
