/** GET /openapi.json: the API that the caller's role may use. It is built again when the schema or a GRANT changes. */
import { createHash } from 'node:crypto';
import { errors as dbErrors } from '@tidemark/db';
import { type Catalog, type Rights, readRights } from '@tidemark/plan';
import { type BaseApp, matchedEtag } from '@tidemark/service';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import type { RouteContext } from '../../context.ts';
import { postgrest } from '../../errors.ts';
import { varyByIdentity } from '../../reply/vary.ts';
import { allRights } from './all-rights.ts';
import { buildDocument } from './document.ts';

/** Cached documents, one for each role: about 2 MB for a schema of 500 tables. */
const MAX_DOCUMENTS = 16;

interface Made {
  readonly text: string;
  readonly etag: string;
}

export const openapiRoute = fp(
  async (app: BaseApp, context: RouteContext) => {
    const made = new LRUCache<string, Promise<Made>>({ max: MAX_DOCUMENTS });

    const { OPENAPI_MODE: mode } = context.config;
    const rightsOf = async (role: string, catalog: Catalog): Promise<Rights> =>
      mode === 'ignore-privileges' ? allRights(catalog) : readRights(context.db.pools.write, role, catalog.schemas);

    function documentFor(role: string): Promise<Made> {
      const catalog = context.catalog.current();
      const key = `${catalog.version} ${role}`;
      const there = made.get(key);
      if (there) return there;
      const making = rightsOf(role, catalog).then((rights) => {
        const text = JSON.stringify(buildDocument(catalog, rights, role));
        const maximum = context.config.ANSWER_MAX_BYTES;
        if (text.length > maximum) throw dbErrors.ANSWER_BYTES({ bytes: text.length, maximum });
        return { text, etag: `"${createHash('sha256').update(text).digest('base64url')}"` };
      });
      made.set(key, making);
      making.catch(() => made.delete(key));
      return making;
    }

    const answer = async (request: FastifyRequest, reply: FastifyReply) => {
      if (mode === 'disabled') throw postgrest.PGRST126();
      const { text, etag } = await documentFor(request.caller.role);
      varyByIdentity(reply).header('etag', etag).header('cache-control', 'private, no-cache');
      const matched = matchedEtag(request, etag);
      if (matched !== undefined) return reply.header('etag', matched).code(304).send();
      const isRoot = request.url.startsWith('/rest/');
      return reply.type(`application/${isRoot ? 'openapi+json' : 'json'}; charset=utf-8`).send(text);
    };
    // The root of PostgREST's API is its description.
    for (const path of ['/openapi.json', '/rest/v1', '/rest/v1/']) app.get(path, answer);
  },
  { name: 'openapi-route', dependencies: ['identity'] },
);
