/** PostGraphile 4, where Postgres decides who sees what: each read under a role, in a transaction of its own, as the gateway's. */
import { servePostgraphile } from './serve-postgraphile.ts';

await servePostgraphile('postgraphile', { pgDefaultRole: 'anon' });
