/** Filters and groups as SQL. Every value is a parameter; the operators come from this table alone. */
import { arrayLiteral } from '@tidemark/db';
import {
  type CompareFilter,
  type Condition,
  type Filter,
  type FtsFilter,
  type FtsOperator,
  type IsValue,
  likePattern,
} from '@tidemark/query';
import { fieldSql, type Source } from './fields.ts';
import { identifier, type Params } from './sql.ts';

const OPERATORS: Readonly<Record<CompareFilter['op'], string>> = {
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
  cs: '@>',
  cd: '<@',
  ov: '&&',
  sl: '<<',
  sr: '>>',
  nxr: '&<',
  nxl: '&>',
  adj: '-|-',
};

const IS: Readonly<Record<IsValue, string>> = {
  null: 'is null',
  not_null: 'is not null',
  true: 'is true',
  false: 'is false',
  unknown: 'is unknown',
};

const TSQUERY: Readonly<Record<FtsOperator, string>> = {
  fts: 'to_tsquery',
  plfts: 'plainto_tsquery',
  phfts: 'phraseto_tsquery',
  wfts: 'websearch_to_tsquery',
};

/** How the null test of an embed reads: the planner knows the embed's lateral join. */
export type EmbedTest = (embed: string) => string;

export function conditionSql(condition: Condition, source: Source, params: Params, embedIsNull: EmbedTest): string {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      const parts = condition.conditions.map((part) => conditionSql(part, source, params, embedIsNull));
      return negated(condition.negate, `(${parts.join(` ${condition.kind} `)})`);
    }
    case 'embed-null':
      return negated(condition.negate, `(${embedIsNull(condition.embed)})`);
    default:
      return negated(condition.negate, filterSql(condition, source, params));
  }
}

const negated = (negate: boolean, sql: string) => (negate ? `not ${sql}` : sql);

function filterSql(filter: Filter, source: Source, params: Params): string {
  const field = fieldSql(source, filter.field);
  switch (filter.kind) {
    case 'is':
      return `(${field} ${IS[filter.value]})`;
    case 'in':
      return `(${field} = any(${params.bind(arrayLiteral([...filter.values]))}))`;
    case 'fts':
      return ftsSql(filter, field, source, params);
    case 'compare':
      return compareSql(filter, field, params);
  }
}

function compareSql(filter: CompareFilter, field: string, params: Params): string {
  const value = filter.op === 'like' || filter.op === 'ilike' ? likePattern(filter.value) : filter.value;
  const bound = params.bind(value);
  return `(${field} ${OPERATORS[filter.op]} ${filter.quantifier ? `${filter.quantifier}(${bound})` : bound})`;
}

/** Text is searched as `to_tsvector` of it, as PostgREST does; a tsvector column as it is. */
function ftsSql(filter: FtsFilter, field: string, source: Source, params: Params): string {
  const language = filter.language === null ? '' : `${params.bind(filter.language)}::regconfig, `;
  const type = filter.field.json.length > 0 ? 'text' : source.relation?.columns.get(filter.field.name)?.type;
  const isText = type !== undefined && /^(text|character|json|jsonb|citext)/.test(type);
  const vector = isText ? `to_tsvector(${language}${field})` : field;
  return `(${vector} @@ ${TSQUERY[filter.op]}(${language}${params.bind(filter.value)}))`;
}

/** `"a"."x" = "b"."y" and …` of a relationship. */
export function joinSql(
  left: string,
  right: string,
  columns: readonly { readonly from: string; readonly to: string }[],
): string {
  return columns
    .map((pair) => `${identifier(left)}.${identifier(pair.from)} = ${identifier(right)}.${identifier(pair.to)}`)
    .join(' and ');
}
