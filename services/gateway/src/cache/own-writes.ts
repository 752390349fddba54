/**
 * A write through this gateway drops what it makes stale before its answer is sent, sooner than the relay could tell. Of a
 * table it is known which; of a function, and of a transaction that calls one, Postgres tells what it has locked for writing.
 * What triggers and foreign keys write in other tables comes with the relay, as every other change does.
 */
import { TIDEMARK_HEADER, type Tidemark } from '@tidemark/contracts';
import type { Row, Statement } from '@tidemark/db';
import type { BaseApp } from '@tidemark/service';
import type { onSendHookHandler } from 'fastify';
import type { RouteContext } from '../context.ts';

type CacheContext = Pick<RouteContext, 'cache' | 'catalog'>;

const TABLE_ROUTE = '/rest/v1/:table';

/** A function’s last statement, in its transaction: what it wrote is locked until COMMIT. About 0.1 ms of Postgres. */
export const LOCKED: Statement = {
  text: `select coalesce(json_agg(distinct l.relation::int8), '[]') as oids
    from pg_locks l join pg_class c on c.oid = l.relation and c.relkind in ('r', 'p') and c.relpersistence <> 't'
    where l.pid = pg_backend_pid()
      and l.mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')`,
};

export interface LockedRow extends Row {
  oids: readonly number[];
}

export function registerOwnWrites(app: BaseApp, { cache, catalog, config }: RouteContext): void {
  if (!cache) return;
  const drop: onSendHookHandler = (request, reply, _payload, done) => {
    const tidemark = reply.getHeader(TIDEMARK_HEADER);
    if (typeof tidemark === 'string') {
      const profile = request.headers['content-profile'];
      const schema = (typeof profile === 'string' && profile) || (config.schemas[0] as string);
      wroteTable({ cache, catalog }, schema, (request.params as { table: string }).table, tidemark);
    }
    done();
  };
  app.addHook('onRoute', (route) => {
    if (route.url !== TABLE_ROUTE || route.method === 'GET' || route.method === 'HEAD') return;
    route.onSend = [drop, ...[route.onSend ?? []].flat()] as onSendHookHandler[];
  });
}

/** A table that is in no exposed schema is in no answer either, unless by a view, of which the relay tells. */
export function wroteTable({ cache, catalog }: CacheContext, schema: string, name: string, tidemark: Tidemark): void {
  const relation = cache && catalog.current().relation(schema, name);
  if (relation) cache.wrote([relation.oid], tidemark);
}

export function wroteLocked({ cache }: CacheContext, row: LockedRow | undefined, tidemark: Tidemark): void {
  if (row) cache?.wrote(row.oids, tidemark);
}
