import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { UpSettings } from './settings.ts';

/** The gateway of a stack with demo data serves the example pages, which need it. */
export function examplesOf({ demo, databaseUrl, env }: UpSettings): NodeJS.ProcessEnv {
  if (!demo || databaseUrl || env.EXAMPLES_DIR) return {};
  const client = dirname(fileURLToPath(import.meta.resolve('@tidemark/client/package.json')));
  return { EXAMPLES_DIR: join(client, 'dist/examples') };
}
