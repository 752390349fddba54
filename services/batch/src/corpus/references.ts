/** The values that references choose from, read once for a job as its submitter, and kept: later rows must not change the records. */
import { type Identity, identityStatement, type Transaction } from '@tidemark/db';
import { errors } from '../errors.ts';
import type { DatabaseContext } from '../tables/database-context.ts';
import { describeColumns } from '../tables/describe.ts';
import { asQueryError, planTableQuery } from '../tables/table-query.ts';
import type { RecordsInsert } from './insert-records.ts';

/** The list is a parameter of each slice, and 400 KB of UUIDs. */
const MAX_VALUES = 10_000;

/** Returns the lists as JSON text. @throws BATCH_TEMPLATE, BATCH_QUERY_REFUSED */
async function readReferences(context: DatabaseContext, { references }: RecordsInsert): Promise<string[]> {
  const lists: string[] = [];
  for (const reference of references) lists.push(await readList(context, reference));
  return lists;
}

async function readList(context: DatabaseContext, query: RecordsInsert['references'][number]): Promise<string> {
  const { database, identity } = context;
  const statement = planTableQuery(await context.catalog(), query).statement;
  const refuse = (problem: string) => errors.TEMPLATE({ path: `reference "${query.query}"`, problem });
  const columns = await describeColumns(database.pools.write, identity, statement);
  if (columns.length !== 1) throw refuse(`its rows have ${columns.length} columns: select one, as select=id`);
  const { values, count } = await listOf(context, identity, statement);
  if (count === 0) throw refuse('it has no rows that the submitter may see');
  if (count > MAX_VALUES) {
    throw refuse(`it has more than ${MAX_VALUES} rows: add a filter, or order=…&limit=${MAX_VALUES}`);
  }
  return values;
}

async function listOf(
  { database }: DatabaseContext,
  identity: Identity,
  { text, params = [] }: { text: string; params?: readonly unknown[] },
) {
  const list = `
    select coalesce(jsonb_agg(v order by v::text collate "C"), '[]')::text as values, count(*)::int as count
    from (select to_jsonb(q.v) as v from (${text}\n) as q (v) limit ${MAX_VALUES + 1}) as l`;
  try {
    const [row] = await database.pools.write.transaction((tx) => tx.query(list, params as never), {
      identity,
      readOnly: true,
      holder: { route: 'job' },
    });
    return row as { values: string; count: number };
  } catch (error) {
    throw asQueryError(error);
  }
}

const NAME = 'reference_';

/** The values stay as the first of several attempts to plan the job has read them. */
export async function keepReferences(context: DatabaseContext, job: string, insert: RecordsInsert): Promise<void> {
  for (const [n, values] of (await readReferences(context, insert)).entries()) {
    await context.database.pools.write.query(
      'insert into tidemark.job_notes (job_id, name, value) values ($1, $2, $3::jsonb) on conflict do nothing',
      [job, `${NAME}${n}`, values],
    );
  }
}

/** Runs as the service, because others have no right to the notes. */
export async function useReferences(tx: Transaction, job: string): Promise<void> {
  await tx.query(
    `select set_config('tidemark.' || name, value::text, true) is null from tidemark.job_notes
     where job_id = $1 and starts_with(name, '${NAME}')`,
    [job],
  );
}

/** EXPLAIN checks the columns' types and the rights of the submitter, and runs nothing. @throws BATCH_QUERY_REFUSED */
export async function checkInsert({ database, identity }: DatabaseContext, job: string, { text }: RecordsInsert) {
  try {
    await database.pools.write.transaction(
      async (tx) => {
        await useReferences(tx, job);
        const { text: role, params } = identityStatement(identity);
        await tx.query(role, params);
        await tx.query(`explain ${text}`, [0, 0]);
      },
      { readOnly: true, holder: { route: 'job' } },
    );
  } catch (error) {
    throw asQueryError(error);
  }
}
