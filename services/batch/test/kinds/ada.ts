/** Tables with rows of several owners, and jobs of one of them. */
import type { Row } from '@tidemark/db';
import type { BatchStack } from '../batch-stack.ts';

/** Lets an authenticated user see the rows whose `owner` is its `sub`. */
export async function showOwnRows(stack: BatchStack, table: string): Promise<void> {
  await stack.query(`alter table ${table} enable row level security`);
  await stack.query(`create policy own on ${table} for select to authenticated
    using (owner = current_setting('request.jwt.claims', true)::jsonb ->> 'sub')`);
  await stack.query(`grant select on ${table} to authenticated`);
}

/** Runs a job of the user ada until its end. */
export async function runAsAda(stack: BatchStack, kind: string, spec: object): Promise<{ id: string; job: Row }> {
  const id = await stack.insertJob(spec, { kind, role: 'authenticated', sub: 'ada' });
  return { id, job: await stack.ended(id) };
}
