/**
 * The plan's rows as SQL. Values stay parameters; Postgres renders the rows as JSON, with the same to_jsonb as the relay.
 * Only what compileFilter supports comes here, so that snapshot and changes agree on every filter.
 */
import { arrayLiteral, identifier } from '@tidemark/db';
import { type ConditionTarget, conditionSql } from '@tidemark/query';
import type { LivePlan } from './live-plan.ts';

export interface SnapshotSql {
  text: string;
  params: string[];
}

/** One column, `row`: the text of a JSON object; null for one of more than `maxRowBytes`, so that it is not sent at all. */
export function snapshotSql(plan: LivePlan, maxRowBytes: number): SnapshotSql {
  const params: string[] = [];
  const { schema, table } = plan.facts;
  const where = whereSql(plan, params);
  const from = `${identifier(schema)}.${identifier(table)}`;
  return {
    // OFFSET 0 keeps Postgres from rendering each row twice.
    text: `select case when octet_length(row) <= ${maxRowBytes} then row end as row from (
  select to_jsonb(tidemark_row)::text as row from (select ${selectList(plan)} from ${from} where ${where}) as tidemark_row offset 0
) as tidemark_text`,
    params,
  };
}

export const selectList = (plan: LivePlan): string =>
  plan.select.map(({ column, as }) => `${identifier(column)} as ${identifier(as)}`).join(', ');

/** Its values are pushed to `params`. */
export function whereSql(plan: LivePlan, params: string[]): string {
  const target: ConditionTarget = {
    field: ({ name }) => identifier(name),
    bind(value) {
      params.push(typeof value === 'string' ? value : arrayLiteral(value));
      return `$${params.length}`;
    },
    // Of what a live query may not have (text search, embeds) nothing comes here.
    isText: () => false,
    embedIsNull: () => 'false',
  };
  return plan.where.map((condition) => conditionSql(condition, target)).join(' and ') || 'true';
}
