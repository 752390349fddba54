import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { errors } from '../errors.ts';

/** The same place beside src/ and dist/. */
const FOLDER = new URL('../../migrations/', import.meta.url);
const NAME = /^\d{4}_[a-z0-9_]+\.sql$/;

export interface Migration {
  /** File name, such as `0001_tidemark.sql`; they run in the order of their names. */
  name: string;
  sql: string;
  checksum: string;
}

/** Throws DB_MIGRATION_NAME for a file with another kind of name, or a number that is used twice. */
export async function readMigrations(folder: URL = FOLDER): Promise<Migration[]> {
  const names = (await readdir(folder)).sort();
  const migrations: Migration[] = [];
  for (const name of names) {
    if (!NAME.test(name) || migrations.at(-1)?.name.slice(0, 4) === name.slice(0, 4))
      throw errors.MIGRATION_NAME({ name });
    const sql = await readFile(new URL(name, folder), 'utf8');
    migrations.push({ name, sql, checksum: createHash('sha256').update(sql).digest('hex') });
  }
  return migrations;
}
