/** The methods of a table, a view or a function, for `Allow` of its OPTIONS. */
import { type CatalogFollower, findRelation, unknownFunction } from '@tidemark/plan';
import type { FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { schemaNamed } from './schema.ts';

const PATH = /^\/rest\/v1\/(rpc\/)?([^/?]*)\/?(?:\?|$)/;
const READS = ['OPTIONS', 'GET', 'HEAD'];

/** Returns undefined for other paths. Throws PGRST202 and PGRST205 for what does not exist. */
export function methodsOf(
  request: FastifyRequest,
  { config, catalog: follower }: { readonly config: Config; readonly catalog: CatalogFollower },
): string | undefined {
  const match = PATH.exec(request.raw.url ?? '');
  if (match === null) return undefined;
  const name = decode(match[2] ?? '');
  if (name === undefined) return undefined;
  if (name === '') return READS.join();
  const schema = schemaNamed(request, config.schemas);
  const catalog = follower.current();
  if (match[1] !== undefined) {
    const routines = catalog.routines(schema, name);
    if (routines.length === 0) throw unknownFunction(catalog, { schema, name, args: [] });
    return routines.some(({ volatility }) => volatility !== 'volatile') ? [...READS, 'POST'].join() : 'OPTIONS,POST';
  }
  const { insertable, updatable, deletable, primaryKey } = findRelation(catalog, schema, name);
  return [
    ...READS,
    ...(insertable ? ['POST'] : []),
    ...(insertable && updatable && primaryKey.length > 0 ? ['PUT'] : []),
    ...(updatable ? ['PATCH'] : []),
    ...(deletable ? ['DELETE'] : []),
  ].join();
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // The router answers malformed percent-encoding.
  }
}
