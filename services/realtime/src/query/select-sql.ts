/**
 * Rows are rendered by to_jsonb, as by the relay. Postgres evaluates a filter over changes with the same conditions.
 */
import { arrayLiteral, identifier, literal } from '@tidemark/db';
import { type ConditionTarget, conditionSql, jsonPathSql } from '@tidemark/query';
import type { LivePlan } from './live-plan.ts';

export interface SnapshotSql {
  text: string;
  params: string[];
}

/** The column `row` is the text of a JSON object, or NULL for a row of more than `maxRowBytes`. */
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

/** Postgres fixes the types of a prepared statement's parameters, so the definition's version makes a new statement. */
export function whereSql(plan: LivePlan, params: string[], where = plan.where): string {
  const target: ConditionTarget = {
    field: ({ name, json }) => jsonPathSql(identifier(name), plan.types[name]?.type, json, literal),
    bind(value) {
      params.push(typeof value === 'string' ? value : arrayLiteral(value));
      return `$${params.length}`;
    },
    isText: ({ name, json }) => json.length > 0 || /^(text|character|json)|citext$/.test(plan.types[name]?.type ?? ''),
    // A live query has no embedded tables.
    embedIsNull: () => 'false',
  };
  if (where.length === 0) return 'true';
  return `${where.map((condition) => conditionSql(condition, target)).join(' and ')} /* ${plan.facts.definition} */`;
}
