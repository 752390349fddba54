/**
 * The plan's rows as SQL. Values stay parameters; Postgres renders the rows as JSON, with the same to_jsonb as the relay.
 * The same conditions decide about changes where Postgres is asked, and compileFilter agrees with them where it is not.
 */
import { arrayLiteral, identifier, literal } from '@tidemark/db';
import { type ConditionTarget, conditionSql, jsonPathSql } from '@tidemark/query';
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

/**
 * Values are pushed to `params`. Postgres gives a prepared statement's parameters the types that the columns had then, for good; the
 * definition's version in the text makes it another statement for other columns.
 * @param where conditions of the plan
 */
export function whereSql(plan: LivePlan, params: string[], where = plan.where): string {
  const target: ConditionTarget = {
    field: ({ name, json }) => jsonPathSql(identifier(name), plan.types[name]?.type, json, literal),
    bind(value) {
      params.push(typeof value === 'string' ? value : arrayLiteral(value));
      return `$${params.length}`;
    },
    isText: ({ name, json }) => json.length > 0 || /^(text|character|json)|citext$/.test(plan.types[name]?.type ?? ''),
    // A live query has no embeds.
    embedIsNull: () => 'false',
  };
  if (where.length === 0) return 'true';
  return `${where.map((condition) => conditionSql(condition, target)).join(' and ')} /* ${plan.facts.definition} */`;
}
