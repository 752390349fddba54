/** Names and types of a statement's columns, as Postgres describes them to the job's role. */
import { arrayLiteral, type Identity, type Pool, type Statement } from '@tidemark/db';
import { asQueryError } from './table-query.ts';

export interface ResultType {
  name: string;
  /** The name in pg_type, such as `int4`; of a domain, the name of its base type. */
  type: string;
  /** typcategory of pg_type: S text, N numbers, D dates, T intervals, B booleans, A arrays, E enums. */
  category: string;
  /** atttypmod of a column of a table; -1 otherwise. */
  modifier: number;
}

const TYPES = `
  with recursive types (oid, base) as (
    select oid, oid from pg_type where oid = any ($1::oid[])
    union all
    select types.oid, t.typbasetype from types join pg_type t on t.oid = types.base where t.typtype = 'd'
  )
  select types.oid::int8, t.typname as type, t.typcategory as category
  from types join pg_type t on t.oid = types.base where t.typtype <> 'd'`;

const MODIFIERS = `
  select a.attrelid::int8 as table, a.attnum as number, a.atttypmod as modifier
  from pg_attribute a join unnest($1::oid[], $2::int2[]) as c (attrelid, attnum) using (attrelid, attnum)`;

export async function describeColumns(pool: Pool, identity: Identity, statement: Statement): Promise<ResultType[]> {
  const { text, params = [] } = statement;
  try {
    return await pool.transaction(
      async (tx) => {
        const { columns = [] } = await tx.query(`select * from (${text}\n) as "_d" limit 0`, params);
        const tables = columns.filter(({ table }) => table > 0);
        const [types, modifiers] = await Promise.all([
          tx.query(TYPES, [arrayLiteral([...new Set(columns.map(({ type }) => type))])]),
          tx.query(MODIFIERS, [
            arrayLiteral(tables.map(({ table }) => table)),
            arrayLiteral(tables.map(({ number }) => number)),
          ]),
        ]);
        return columns.map(({ name, type, table, number }) => {
          const found = types.find((row) => Number(row.oid) === type);
          const column = modifiers.find((row) => Number(row.table) === table && row.number === number);
          return {
            name,
            type: found?.type ?? 'text',
            category: found?.category ?? 'X',
            modifier: column?.modifier ?? -1,
          };
        });
      },
      { identity, readOnly: true, holder: { route: 'job' } },
    );
  } catch (error) {
    throw asQueryError(error);
  }
}
