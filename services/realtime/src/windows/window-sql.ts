import { identifier, SERVER_LSN_SQL, SNAPSHOT_SQL } from '@tidemark/db';
import type { OrderTerm } from '@tidemark/query';
import type { LivePlan, WindowPlan } from '../query/live-plan.ts';
import { type SnapshotSql, selectList, whereSql } from '../query/select-sql.ts';

export interface WindowAnswer {
  standby: boolean;
  /** Position read after the snapshot was taken: the rows hold nothing that ends after it. */
  upper: string;
  snapshot: string;
  /** JSON array of [key, row] texts in order; null where it is too large. */
  rows: string | null;
}

/** The order ends with the key, so that it is total. */
export function windowSql(plan: LivePlan, window: WindowPlan, maxBytes: number): SnapshotSql {
  const params: string[] = [];
  const { schema, table, key } = plan.facts;
  const given = new Set(window.order.map(({ field }) => field.name));
  const order = [...window.order.map(termSql), ...key.filter((name) => !given.has(name)).map(columnSql)].join(', ');
  const keyList = plan.key.map(identifier).join(', ');
  const where = whereSql(plan, params);
  const limits = `limit ${window.limit} offset ${window.offset}`;
  return {
    text: `select pg_is_in_recovery() as standby, ${SNAPSHOT_SQL} as snapshot, ${SERVER_LSN_SQL} as upper,
  (select case when octet_length(rows) <= ${maxBytes} then rows end from (select array_to_json(array(
    select json_build_array(jsonb_build_array(${keyList})::text, to_jsonb(tidemark_row)::text)
    from (select ${selectList(plan)} from ${identifier(schema)}.${identifier(table)} as tidemark_table
      where ${where} order by ${order} ${limits}) as tidemark_row))::text as rows offset 0) as tidemark_text) as rows`,
    params,
  };
}

/** An unqualified name in ORDER BY may be that of an output column. */
const columnSql = (name: string): string => `tidemark_table.${identifier(name)}`;

function termSql({ field, direction, nulls }: OrderTerm): string {
  return `${columnSql(field.name)}${direction === null ? '' : ` ${direction}`}${nulls === null ? '' : ` nulls ${nulls}`}`;
}
