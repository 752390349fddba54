/**
 * The plan's rows as SQL. Values stay parameters; Postgres renders the rows as JSON, with the same to_jsonb as the relay.
 * Only what compileFilter supports comes here, so that snapshot and changes agree on every filter.
 */
import { arrayLiteral, identifier } from '@tidemark/db';
import { type CompareFilter, type CompareOperator, type Condition, type Filter, likePattern } from '@tidemark/query';
import type { LivePlan } from './live-plan.ts';

export interface SnapshotSql {
  text: string;
  params: string[];
}

const OPERATORS: Partial<Record<CompareOperator, string>> = {
  eq: '=',
  neq: '<>',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  like: 'like',
  ilike: 'ilike',
  match: '~',
  imatch: '~*',
  isdistinct: 'is distinct from',
};

/** One column, `row`: the text of a JSON object. */
export function snapshotSql(plan: LivePlan): SnapshotSql {
  const params: string[] = [];
  const { schema, table } = plan.facts;
  const where = whereSql(plan, params);
  const from = `${identifier(schema)}.${identifier(table)}`;
  return {
    text: `select to_jsonb(tidemark_row)::text as row from (select ${selectList(plan)} from ${from} where ${where}) as tidemark_row`,
    params,
  };
}

export const selectList = (plan: LivePlan): string =>
  plan.select.map(({ column, as }) => `${identifier(column)} as ${identifier(as)}`).join(', ');

/** Its values are pushed to `params`. */
export const whereSql = (plan: LivePlan, params: string[]): string =>
  plan.where.map((condition) => conditionSql(condition, params)).join(' and ') || 'true';

function conditionSql(condition: Condition, params: string[]): string {
  const sql =
    condition.kind === 'and' || condition.kind === 'or'
      ? condition.conditions.map((part) => conditionSql(part, params)).join(` ${condition.kind} `)
      : condition.kind === 'embed-null'
        ? 'false'
        : filterSql(condition, params);
  return condition.negate ? `not (${sql})` : `(${sql})`;
}

function filterSql(filter: Filter, params: string[]): string {
  const column = identifier(filter.field.name);
  switch (filter.kind) {
    case 'is':
      return `${column} is ${filter.value === 'not_null' ? 'not null' : filter.value}`;
    case 'in':
      params.push(arrayLiteral(filter.values));
      return `${column} = any ($${params.length})`;
    case 'compare':
      return compareSql(column, filter, params);
    case 'fts':
      return 'false';
  }
}

function compareSql(column: string, filter: CompareFilter, params: string[]): string {
  const isLike = filter.op === 'like' || filter.op === 'ilike';
  params.push(isLike ? likePattern(filter.value) : filter.value);
  const value = `$${params.length}`;
  const operator = OPERATORS[filter.op];
  return filter.quantifier === null
    ? `${column} ${operator} ${value}`
    : `${column} ${operator} ${filter.quantifier} (${value})`;
}
