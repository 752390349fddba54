import { readFile } from 'node:fs/promises';
import {
  arrayLiteral,
  type Database,
  literal,
  PostgresError,
  runScript,
  SERVICE_ROLES,
  withConnection,
} from '@tidemark/db';
import type { FileStore } from '@tidemark/files';
import { blueprintNamed, blueprints } from './blueprints.ts';
import { errors } from './errors.ts';

export interface LoadOptions {
  demo?: boolean;
}

/** Returns false where it was there already. A failure rolls back the whole. @throws BLUEPRINT_UNKNOWN, BLUEPRINT_FAILED */
export async function loadBlueprint(url: string, name: string, options: LoadOptions = {}): Promise<boolean> {
  const { files, schema } = blueprintNamed(name);
  const wanted = files.filter((file) => file !== 'demo.sql' || options.demo !== false);
  const texts = await Promise.all(
    wanted.map((file) => readFile(new URL(`../${name}/${file}`, import.meta.url), 'utf8')),
  );
  try {
    // The row comes first, so that a second process waits for this transaction, and then finds the name in use.
    const isUsed = `insert into tidemark.blueprints (name) values (${literal(name)});`;
    await runScript(url, [isUsed, ...texts, servicesMayUse(schema)].join('\n'));
  } catch (cause) {
    if (cause instanceof PostgresError && cause.code === '23505' && cause.table === 'blueprints') return false;
    throw errors.FAILED({ name, reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
  }
  // Without statistics the first minute's queries would be planned for empty tables.
  await withConnection(url, 'blueprint', async (query) => {
    const tables = await query<{ name: string }>(
      `select c.oid::regclass::text as name from pg_class c
        where c.relnamespace = ${literal(schema)}::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
    );
    for (const table of tables) await query(`analyze ${table.name}`);
  });
  return true;
}

const servicesMayUse = (schema: string) => `
do $$ declare login name; begin
  for login in select rolname from pg_roles where rolname = any (${literal(arrayLiteral(SERVICE_ROLES))}::text[]) loop
    execute format('grant usage on schema %I to %I', ${literal(schema)}, login);
  end loop;
end $$;`;

/** The blueprints that are in the database, in the order in which they were loaded. */
export async function loadedBlueprints(url: string): Promise<string[]> {
  return withConnection(url, 'blueprint', async (query) => {
    const rows = await query<{ name: string }>('select name from tidemark.blueprints order by loaded_at, name');
    return rows.map(({ name }) => name);
  });
}

export interface LargeDataOptions {
  /** Rows of the large table; absent: the blueprint's number. */
  rows?: number;
  progress(rows: number, of: number): void;
  /** No step begins after it; the one that runs ends. */
  signal?: AbortSignal;
}

/**
 * Loads the data that a start does not wait for. It goes on where a former call stopped.
 * @returns rows of the table after it; 0 for a blueprint without such data
 * @throws BLUEPRINT_UNKNOWN, BLUEPRINT_NOT_LOADED
 */
export async function loadLargeData(url: string, name: string, options: LargeDataOptions): Promise<number> {
  const { large } = blueprintNamed(name);
  if (!large) return 0;
  if (!(await loadedBlueprints(url)).includes(name)) throw errors.NOT_LOADED({ name });
  const rows = options.rows ?? large.rows;
  return withConnection(url, 'blueprint', async (query) => {
    let there = 0;
    for await (there of large.steps(query, rows)) {
      options.progress(there, rows);
      if (options.signal?.aborted) return there;
    }
    return there;
  });
}

/** Stores the drawn images of the loaded blueprints. Returns how many each has got now; a second call adds none. */
export async function loadDrawnImages(
  db: Database,
  store: FileStore,
  loaded: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const stored = new Map<string, number>();
  for (const { name, drawn } of blueprints) {
    if (drawn && loaded.includes(name)) stored.set(name, await drawn(db, store));
  }
  return stored;
}
