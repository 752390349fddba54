/** A write through this gateway drops what it makes stale before its answer is sent, sooner than the relay could tell. */
import { TIDEMARK_HEADER } from '@tidemark/contracts';
import type { BaseApp } from '@tidemark/service';
import type { RouteContext } from '../routes/context.ts';

const TABLE_ROUTE = '/rest/v1/:table';

export function registerOwnWrites(app: BaseApp, { cache, catalog, config }: RouteContext): void {
  if (!cache) return;
  app.addHook('onSend', (request, reply, _payload, done) => {
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const tidemark = reads ? undefined : reply.getHeader(TIDEMARK_HEADER);
    if (typeof tidemark === 'string' && request.routeOptions.url === TABLE_ROUTE) {
      const profile = request.headers['content-profile'];
      const schema = (typeof profile === 'string' && profile) || (config.schemas[0] as string);
      const relation = catalog.current().relation(schema, (request.params as { table: string }).table);
      if (relation) cache.wrote(relation, tidemark);
    }
    done();
  });
}
