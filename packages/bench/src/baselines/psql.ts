import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { COPY_CSV } from '../http/scenarios/export-statement.ts';
import { serve } from './serve.ts';

const run = promisify(execFile);

await serve('psql', (app, _sql, url) => {
  app.get('/', async () => {
    await run('psql', ['--no-psqlrc', '--quiet', '--output', '/dev/null', '--command', COPY_CSV, url]);
    return 'done';
  });
});
