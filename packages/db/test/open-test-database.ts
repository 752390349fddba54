/** A database of the test's own with the schema, one table under row-level security, and what the pools reported. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { startTemporaryStack } from '@tidemark/local-stack';
import { useTestStack } from '@tidemark/testing';
import type { Test } from 'tap';
import { openDatabase } from '../src/database.ts';
import type { Database, DatabaseOptions } from '../src/database-types.ts';
import type { DbEvent } from '../src/events.ts';
import { migrate } from '../src/setup/migrate.ts';
import { readMigrations } from '../src/setup/migrations.ts';

const FIXTURE = new URL('./fixture.sql', import.meta.url);

export interface TestDatabase {
  db: Database;
  events: DbEvent[];
  url: string;
  replicaUrl: string;
}

type Options = Partial<DatabaseOptions> & { replica?: boolean };

/** Makes a database on the shared stack. */
export async function openTestDatabase(t: Test, options: Options = {}): Promise<TestDatabase> {
  const stack = await useTestStack();
  const fixture = await readFile(FIXTURE, 'utf8');
  const key = createHash('sha256').update(fixture);
  for (const { checksum } of await readMigrations()) key.update(checksum);
  const template = `db-${key.digest('hex')}`;
  await stack.template(template, (url) => build(url, fixture));
  const database = await stack.database({ template });
  t.teardown(() => database.drop());
  return await open(t, database.primaryUrl, database.replicaUrl, options);
}

/** Starts a stack for this test, which may break it. */
export async function openOwnDatabase(t: Test, options: Options = {}) {
  const stack = await startTemporaryStack({ nats: false });
  t.teardown(() => stack.stop());
  await build(stack.primary.url, await readFile(FIXTURE, 'utf8'));
  await stack.replicas[0]!.caughtUp();
  return { stack, ...(await open(t, stack.primary.url, stack.replicas[0]!.url, options)) };
}

async function build(url: string, fixture: string): Promise<void> {
  await migrate(url);
  const db = await openDatabase({ primaryUrl: url, applicationName: 'fixture' });
  for (const statement of fixture.split(';\n')) if (statement.trim() !== '') await db.pools.admin.query(statement);
  await db.close();
}

async function open(t: Test, url: string, replicaUrl: string, options: Options): Promise<TestDatabase> {
  const events: DbEvent[] = [];
  const { replica = true, ...rest } = options;
  const db = await openDatabase({
    primaryUrl: url,
    replicaUrls: replica ? [replicaUrl] : [],
    applicationName: 'test',
    observe: (event) => events.push(event),
    ...rest,
  });
  t.teardown(() => db.close(1_000));
  return { db, events, url, replicaUrl };
}

export const as = (sub: string) => ({ role: 'authenticated', claims: JSON.stringify({ sub }) });
