import type { Database } from '@tidemark/db';
import { type Catalog, type CatalogFollower, type Rights, readRights, suggestionFor } from '@tidemark/plan';
import type { BaseApp } from '@tidemark/service';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';

/** Roles whose rights are kept: about 2 MB each for a schema of 500 tables. */
const MAX_ROLES = 16;

export const suggestions = fp(
  async (app: BaseApp, { db, catalog }: { readonly db: Database; readonly catalog: CatalogFollower }) => {
    const known = new LRUCache<string, Promise<Rights>>({ max: MAX_ROLES });

    function rightsOf(role: string, { version, schemas }: Catalog): Promise<Rights> {
      const key = `${version} ${role}`;
      const found = known.get(key);
      if (found) return found;
      const reading = readRights(db.pools.write, role, schemas);
      known.set(key, reading);
      reading.catch(() => known.delete(key));
      return reading;
    }

    app.setErrorHandler((error, request) => {
      const suggest = suggestionFor(error);
      if (suggest === undefined) throw error;
      return rightsOf(request.caller.role, catalog.current()).then(
        (rights) => {
          throw suggest(rights) ?? error;
        },
        // When the rights cannot be read, the error is sent unchanged, and suggests no name.
        () => {
          throw error;
        },
      );
    });
  },
  { name: 'suggestions', dependencies: ['identity'] },
);
