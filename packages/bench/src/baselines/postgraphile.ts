/** PostGraphile 4 with a role: each read runs in its own transaction under the role, as the gateway's. */
import { servePostgraphile } from './serve-postgraphile.ts';

await servePostgraphile('postgraphile', { pgDefaultRole: 'anon' });
