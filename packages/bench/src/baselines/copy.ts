/** An export as commonly written: pg and pg-copy-streams, piped into the response. */
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { to } from 'pg-copy-streams';
import { COPY_CSV } from '../http/scenarios/export-statement.ts';
import { serve } from './serve.ts';

await serve('pg-copy-streams', (app, _sql, url) => {
  const pool = new pg.Pool({ connectionString: url, max: 2 });
  app.addHook('onClose', () => pool.end());
  app.get('/', async (_request, reply) => {
    const client = await pool.connect();
    reply.hijack();
    reply.raw.setHeader('content-type', 'text/csv');
    await pipeline(client.query(to(COPY_CSV)), reply.raw).finally(() => client.release());
  });
});
