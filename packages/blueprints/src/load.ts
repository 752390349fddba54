import { readFile } from 'node:fs/promises';
import { literal, PostgresError, runScript } from '@tidemark/db';
import { errors } from './errors.ts';

export const BLUEPRINTS = ['matches'] as const;
export type BlueprintName = (typeof BLUEPRINTS)[number];

export interface LoadOptions {
  demo?: boolean;
}

/** Returns false where it was there already. A failure rolls back the whole. */
export async function loadBlueprint(url: string, name: string, options: LoadOptions = {}): Promise<boolean> {
  if (!(BLUEPRINTS as readonly string[]).includes(name)) throw errors.UNKNOWN({ name, known: BLUEPRINTS });
  const files = options.demo === false ? ['schema.sql'] : ['schema.sql', 'demo.sql'];
  const texts = await Promise.all(
    files.map((file) => readFile(new URL(`../${name}/${file}`, import.meta.url), 'utf8')),
  );
  try {
    // The row comes first, so that a second process waits for this transaction, and then finds the name in use.
    await runScript(url, [`insert into tidemark.blueprints (name) values (${literal(name)});`, ...texts].join('\n'));
    return true;
  } catch (cause) {
    if (cause instanceof PostgresError && cause.code === '23505' && cause.table === 'blueprints') return false;
    throw errors.FAILED({ name, reason: cause instanceof Error ? cause.message : String(cause) }, { cause });
  }
}
