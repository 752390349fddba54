/** The metrics service reads pg_stat_statements in a schema that no other role can read. */
import { openDatabase, runScript } from '@tidemark/db';
import { errors } from './errors.ts';
import { infraScript } from './infra.ts';

const EXTENSION = 'pg_stat_statements';
const SCHEMA = 'tidemark_statistics';

const FACTS = `
select (select rolsuper from pg_roles where rolname = current_user) as may, current_user::text as "user",
  exists (select from pg_settings where name like '${EXTENSION}.%') as loaded,
  (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = '${EXTENSION}') as schema`;

export interface StatementsOptions {
  url: string;
  /** Moves the extension into the schema of Tidemark, though others may use it in its own. */
  move: boolean;
  print(line: string): void;
}

export async function enableStatements({ url, move, print }: StatementsOptions): Promise<void> {
  const facts = await readFacts(url);
  if (facts.schema !== null && facts.schema !== SCHEMA && !move) {
    print(`${EXTENSION} is in the schema ${facts.schema}, and stays there: others may rely on it.`);
    print(
      `  Who may use that schema may read everybody's statements. To move it: npx --no -- tidemark statements enable --move`,
    );
    return;
  }
  if (!facts.loaded) {
    throw errors.STATEMENTS({
      reason: 'the server has not loaded it',
      hint: `Set shared_preload_libraries = '${EXTENSION}' and restart Postgres.`,
    });
  }
  if (!facts.may) {
    throw errors.STATEMENTS({
      reason: `"${facts.user}" is no superuser`,
      hint: 'Set DATABASE_URL to a superuser’s for this one command, or run infra/postgres/statements.sql as your provider’s administrator.',
    });
  }
  await runScript(url, await infraScript('statements.sql'));
  print(`${EXTENSION} is in the schema ${SCHEMA}, for the metrics service alone`);
}

interface Facts {
  may: boolean;
  user: string;
  loaded: boolean;
  schema: string | null;
}

async function readFacts(url: string): Promise<Facts> {
  const database = await openDatabase({ primaryUrl: url, applicationName: 'tidemark/statements' });
  try {
    const [row] = await database.pools.admin.query(FACTS);
    return row as unknown as Facts;
  } finally {
    await database.close();
  }
}
