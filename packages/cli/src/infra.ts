/** These commands run the same statements as an administrator. */
import { readFile } from 'node:fs/promises';

export const infraScript = (name: 'ddl.sql' | 'roles.sql' | 'statements.sql' | 'take-over.sql'): Promise<string> =>
  readFile(new URL(`../../../infra/postgres/${name}`, import.meta.url), 'utf8');
