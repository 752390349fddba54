/** GET /openapi.json: the API that the caller's role may use. It is built again when the schema or a GRANT changes. */
import { createHash } from 'node:crypto';
import { errors as dbErrors } from '@tidemark/db';
import { readRights } from '@tidemark/plan';
import { type BaseApp, matchedEtag } from '@tidemark/service';
import fp from 'fastify-plugin';
import { LRUCache } from 'lru-cache';
import type { RouteContext } from '../../context.ts';
import { varyByIdentity } from '../../reply/vary.ts';
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

    function documentFor(role: string): Promise<Made> {
      const catalog = context.catalog.current();
      const key = `${catalog.version} ${role}`;
      const there = made.get(key);
      if (there) return there;
      const making = readRights(context.db.pools.write, role, catalog.schemas).then((rights) => {
        const text = JSON.stringify(buildDocument(catalog, rights, role));
        const maximum = context.config.ANSWER_MAX_BYTES;
        if (text.length > maximum) throw dbErrors.ANSWER_BYTES({ bytes: text.length, maximum });
        return { text, etag: `"${createHash('sha256').update(text).digest('base64url')}"` };
      });
      made.set(key, making);
      making.catch(() => made.delete(key));
      return making;
    }

    app.get('/openapi.json', async (request, reply) => {
      const { text, etag } = await documentFor(request.caller.role);
      varyByIdentity(reply).header('etag', etag).header('cache-control', 'private, no-cache');
      const matched = matchedEtag(request, etag);
      if (matched !== undefined) return reply.header('etag', matched).code(304).send();
      return reply.type('application/json; charset=utf-8').send(text);
    });
  },
  { name: 'openapi-route', dependencies: ['identity'] },
);
