/** A migrated database with the tables of one test file, until the file ends. */
import { type Database, migrate, openDatabase, runScript } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import type { Test } from 'tap';

export async function openPlanDatabase(t: Test, script: string): Promise<Database> {
  const stack = await useTestStack();
  await stack.template('plan', async (url) => {
    await migrate(url);
  });
  const { primaryUrl, drop } = await stack.database({ template: 'plan' });
  await runScript(primaryUrl, script);
  const db = await openDatabase({ primaryUrl, applicationName: 'plan test' });
  t.teardown(async () => {
    await db.close();
    await drop();
  });
  return db;
}
