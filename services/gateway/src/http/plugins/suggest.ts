/** Answers errors with the hints of reply/suggestions.ts. */

import type { Database } from '@tidemark/db';
import { type Catalog, type CatalogFollower, type Rights, readRights, suggestionFor } from '@tidemark/plan';
import type { BaseApp } from '@tidemark/service';
import { LRUCache } from 'lru-cache';

/** Roles whose rights are kept: a schema of 500 tables takes some 2 MB for each. */
const MAX_ROLES = 16;

export function registerSuggestions(
  scope: BaseApp,
  { db, catalog }: { readonly db: Database; readonly catalog: CatalogFollower },
): void {
  const known = new LRUCache<string, Promise<Rights>>({ max: MAX_ROLES });

  function rightsOf(role: string, { version, schemas }: Catalog): Promise<Rights> {
    const key = `${version} ${role}`;
    const there = known.get(key);
    if (there) return there;
    const reading = readRights(db.pools.write, role, schemas);
    known.set(key, reading);
    reading.catch(() => known.delete(key));
    return reading;
  }

  scope.setErrorHandler((error, request) => {
    const suggest = suggestionFor(error);
    if (suggest === undefined) throw error;
    return rightsOf(request.caller.role, catalog.current()).then(
      (rights) => {
        throw suggest(rights) ?? error;
      },
      // The rights cannot be read now: the error is answered as it is, and names nothing.
      () => {
        throw error;
      },
    );
  });
}
