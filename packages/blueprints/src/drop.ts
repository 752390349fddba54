import { readFile } from 'node:fs/promises';
import { identifier } from '@tidemark/db';
import { blueprintNamed } from './blueprints.ts';

/**
 * Returns the SQL that takes a blueprint and its rows out of a database. It fails where something of one's own depends on them.
 * @throws BLUEPRINT_UNKNOWN
 */
export async function dropBlueprintSql(name: string): Promise<string> {
  const { schema } = blueprintNamed(name);
  if (schema !== 'public') return `drop schema ${identifier(schema)} cascade;`;
  const text = await readFile(new URL(`../${name}/drop.sql`, import.meta.url), 'utf8');
  return text.trim().replaceAll('\n', ' ');
}
