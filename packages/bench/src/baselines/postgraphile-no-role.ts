/** PostGraphile 4 as the owner of the tables, which sees all rows: without a transaction around a read, its fastest mode. */
import { servePostgraphile } from './serve-postgraphile.ts';

await servePostgraphile('postgraphile-no-role', {});
