import { migrate, openDatabase } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import { loadBlueprint } from '../src/index.ts';

type Tap = { teardown(fn: () => Promise<void>): void };

/** A migrated database of its own, with the named blueprints. */
export async function migrated(t: Tap, ...names: readonly string[]) {
  const stack = await useTestStack();
  const database = await stack.database();
  await migrate(database.primaryUrl);
  for (const name of names) await loadBlueprint(database.primaryUrl, name);
  const db = await openDatabase({ primaryUrl: database.primaryUrl, applicationName: 'test' });
  t.teardown(async () => {
    await db.close();
    await database.drop();
  });
  return { url: database.primaryUrl, db };
}
