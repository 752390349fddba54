/** The database's and the file store's view of a job of the kind lab.effects, whose every effect must be there once. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PostgresNode } from '@tidemark/local-stack';
import { equal, type Finding, none } from '../trial.ts';
import { contentOf } from './effects-kind.ts';

/** The log has a row for each time that an item's success is written, and not only for each item. */
export const EFFECTS_SQL = `
  create table public.lab_successes (job_id uuid, index integer);
  create table public.lab_finishes (job_id uuid, done integer, failed integer);
  grant insert on public.lab_finishes to service_role;
  create function public.log_success() returns trigger language plpgsql security definer as $$
  begin
    insert into public.lab_successes values (new.job_id, new.index);
    return null;
  end $$;
  create trigger log_success after insert or update on tidemark.job_items
    for each row when (new.state = 'succeeded') execute function public.log_success();
`;

/** Any number of bytes may be left in the store by work that was killed, but no row may refer to wrong ones. */
const READ_FILES = 500;

export interface Expected {
  readonly items: number;
  readonly failed: number;
}

export async function checkEffects(
  primary: PostgresNode,
  job: string,
  filesDir: string,
  { items, failed }: Expected,
): Promise<Finding[]> {
  const count = async (from: string) => {
    const [row] = await primary.query<{ n: number }>(`select count(*)::int as n from ${from}`, [job]);
    return row?.n ?? -1;
  };
  const done = items - failed;
  const [row] = await primary.query<{ state: string; total: number; done: number; failed: number }>(
    'select state, total, done, failed from tidemark.jobs where id = $1',
    [job],
  );
  const state = failed > 0 ? 'partly_failed' : 'succeeded';
  const [finish] = await primary.query<{ text: string | null }>(
    `select string_agg(format('%s + %s', done, failed), ', ') as text from public.lab_finishes where job_id = $1`,
    [job],
  );
  return [
    equal('the row of the job', `${state}: ${done} + ${failed} of ${items}`, row ? textOf(row) : 'none'),
    equal(
      'rows of successful items',
      done,
      await count(`tidemark.job_items where job_id = $1 and state = 'succeeded'`),
    ),
    equal('rows of failed items', failed, await count(`tidemark.job_items where job_id = $1 and state = 'failed'`)),
    equal('successes that were written', done, await count('public.lab_successes where job_id = $1')),
    equal('rows of files', done, await count('tidemark.files where job_id = $1')),
    equal(
      'items with a file',
      done,
      await count(`(select distinct metadata ->> 'index' from tidemark.files where job_id = $1) as f`),
    ),
    equal('calls of finish', `${done} + ${failed}`, finish?.text ?? 'none'),
    none('items that lost an attempt', await count('tidemark.job_items where job_id = $1 and attempts > 1')),
    none(
      'chunks that are not over',
      await count(`tidemark.job_chunks where job_id = $1 and state in ('planned', 'queued', 'running')`),
    ),
    await checkFiles(primary, job, filesDir),
  ];
}

const textOf = (row: { state: string; done: number; failed: number; total: number }) =>
  `${row.state}: ${row.done} + ${row.failed} of ${row.total}`;

/** The file store names the bytes by their SHA-256, below two folders of its first bytes. */
async function checkFiles(primary: PostgresNode, job: string, filesDir: string): Promise<Finding> {
  const rows = await primary.query<{ index: number; sha256: string }>(
    `select (metadata ->> 'index')::int as index, sha256 from tidemark.files where job_id = $1 order by random() limit $2`,
    [job, READ_FILES],
  );
  const wrong: number[] = [];
  for (const { index, sha256 } of rows) {
    const path = join(filesDir, sha256.slice(0, 2), sha256.slice(2, 4), sha256);
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    if (bytes.toString() !== contentOf(index)) wrong.push(index);
  }
  return none(
    `files, of ${rows.length}, with other bytes than their item's`,
    wrong.length,
    wrong.slice(0, 3).join(', '),
  );
}
