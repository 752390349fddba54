/** PostGraphile 4 as the owner of the tables, who may see all: without a transaction around a read, which is its fastest way. */
import { servePostgraphile } from './serve-postgraphile.ts';

await servePostgraphile('postgraphile-no-role', {});
