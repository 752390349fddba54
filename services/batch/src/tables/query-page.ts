/**
 * The rows of a query as items, read with the rights of the job in the order of the primary key. A page starts after the key of the
 * last one, so that a row that is there throughout is read once, also when the items change columns of the filter. Rows that
 * appear behind the last key are read, those before it are not.
 */
import { TidemarkError } from '@tidemark/contracts';
import {
  type KeysetRow,
  type KeysetValues,
  keysetOrder,
  planKeyset,
  type Relation,
  readCursor,
  writeCursor,
} from '@tidemark/plan';
import type { Query } from '@tidemark/query';
import { errors } from '../errors.ts';
import type { DatabaseContext } from './database-context.ts';
import { parseExactly } from './exact-numbers.ts';
import { asQueryError, findTable, type TableQuery } from './table-query.ts';

export type QueriedRow = Record<string, unknown>;

/** A view counts where Postgres itself could update it, because then each of its rows is a row of one table. */
const KEY_IS_UNIQUE = `
  select case c.relkind
    when 'p' then true
    when 'r' then not exists (select from pg_inherits i where i.inhparent = c.oid)
    when 'v' then (pg_relation_is_updatable(c.oid, false) & 4) = 4
      and not exists (select from pg_rewrite r where r.ev_class = c.oid and r.rulename <> '_RETURN')
    else false end as proven
  from pg_class c where c.oid = $1::oid`;

export async function readQueryPage(
  context: DatabaseContext,
  wanted: TableQuery,
  cursor: string | null,
  limit: number,
): Promise<{ inputs: QueriedRow[]; cursor: string | null }> {
  try {
    const catalog = await context.catalog();
    const { relation, query } = findTable(catalog, wanted);
    refusePaging(query);
    if (cursor === null) await requireKey(context, relation);
    const order = keysetOrder(relation, query);
    const after = readCursor(order, cursor ?? '');
    const statement = planKeyset({ catalog, relation, query, order, after }, { ...PAGE, maxRows: limit });
    const { rows } = await context.database.read<KeysetRow>({ identity: context.identity, statement });
    const { body, last } = rows[0]!;
    return {
      inputs: parseExactly(String(body)) as QueriedRow[],
      cursor: last === null ? null : writeCursor(order, JSON.parse(last) as KeysetValues),
    };
  } catch (error) {
    if (limit > 1 && error instanceof TidemarkError && error.code === 'DB_ANSWER_BYTES') {
      return readQueryPage(context, wanted, cursor, Math.ceil(limit / 8));
    }
    throw asQueryError(error);
  }
}

const PAGE = { media: { kind: 'json', nullsStripped: false }, exactCount: false } as const;

function refusePaging({ order, limit, offset, after, tidemark }: Query): void {
  const used = { order: order.length > 0, limit: limit !== null, offset: offset > 0, after, tidemark };
  const refused = Object.entries(used).find(([, isUsed]) => isUsed);
  if (refused) throw errors.QUERY_PAGED({ parameter: refused[0] });
}

async function requireKey({ database }: DatabaseContext, { oid, name, primaryKey }: Relation): Promise<void> {
  const [found] = await database.pools.write.query<{ proven: boolean }>(KEY_IS_UNIQUE, [oid]);
  if (primaryKey.length === 0 || !found?.proven) throw errors.QUERY_WITHOUT_KEY({ table: name });
}
