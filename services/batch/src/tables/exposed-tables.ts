import type { Pool } from '@tidemark/db';
import { type Catalog, type CatalogFollower, followCatalog } from '@tidemark/plan';

/** Loads the catalog of the exposed schemas when a job first needs it, and again when it has changed. */
export function createExposedTables(pool: Pool, schemas: readonly string[]): () => Promise<Catalog> {
  let following: Promise<CatalogFollower> | undefined;
  return async () => {
    following ??= followCatalog({ pool, schemas, onReload: () => undefined });
    try {
      const follower = await following;
      await follower.refresh();
      return follower.current();
    } catch (error) {
      following = undefined;
      throw error;
    }
  };
}
