/**
 * Live queries and GET requests share this translation, so that both read the same rows. Every value is a bound
 * parameter.
 */
import type { CompareFilter, Condition, Field, Filter, FtsFilter, FtsOperator, IsValue } from './ast.ts';
import { likePattern } from './canonical.ts';

export interface ConditionTarget {
  field(field: Field): string;
  /** Binds a value, or the elements of an array parameter, and returns an expression of it, such as `$1`. */
  bind(value: string | readonly string[], comparedWith?: Field): string;
  /** Whether full text search needs `to_tsvector` of the field: true for text and JSON, false for tsvector. */
  isText(field: Field): boolean;
  embedIsNull(embed: string): string;
}

/** `literal` quotes the keys: a parameter would prevent the use of an expression index. */
export function jsonPathSql(
  value: string,
  type: string | undefined,
  steps: Field['json'],
  literal: (text: string) => string,
): string {
  if (steps.length === 0) return value;
  // The arrow operators exist for json and jsonb only.
  const json = type === undefined || type === 'json' || type === 'jsonb' ? value : `to_jsonb(${value})`;
  return `(${json}${steps.map((step) => `${step.arrow}${step.kind === 'index' ? step.index : literal(step.key)}`).join('')})`;
}

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

/** Returns a boolean expression that needs no parentheses within AND or OR. Values are bound in the order of their placeholders. */
export function conditionSql(condition: Condition, target: ConditionTarget): string {
  switch (condition.kind) {
    case 'and':
    case 'or': {
      const parts = condition.conditions.map((part) => conditionSql(part, target));
      return negated(condition.negate, `(${parts.join(` ${condition.kind} `)})`);
    }
    case 'embed-null':
      return negated(condition.negate, `(${target.embedIsNull(condition.embed)})`);
    default:
      return negated(condition.negate, filterSql(condition, target));
  }
}

const negated = (negate: boolean, sql: string) => (negate ? `not ${sql}` : sql);

function filterSql(filter: Filter, target: ConditionTarget): string {
  const field = target.field(filter.field);
  switch (filter.kind) {
    case 'is':
      return `(${field} ${IS[filter.value]})`;
    case 'in':
      return `(${field} = any(${target.bind(filter.values, filter.field)}))`;
    case 'fts':
      return ftsSql(filter, field, target);
    case 'compare':
      return compareSql(filter, field, target);
  }
}

const PATTERNS: ReadonlySet<string> = new Set(['like', 'ilike', 'match', 'imatch']);

function compareSql(filter: CompareFilter, field: string, target: ConditionTarget): string {
  const value = filter.op === 'like' || filter.op === 'ilike' ? likePattern(filter.value) : filter.value;
  const isValue = !PATTERNS.has(filter.op) && filter.quantifier === null;
  const bound = target.bind(value, isValue ? filter.field : undefined);
  return `(${field} ${OPERATORS[filter.op]} ${filter.quantifier ? `${filter.quantifier}(${bound})` : bound})`;
}

function ftsSql(filter: FtsFilter, field: string, target: ConditionTarget): string {
  const language = filter.language === null ? '' : `${target.bind(filter.language)}::regconfig, `;
  const vector = target.isText(filter.field) ? `to_tsvector(${language}${field})` : field;
  return `(${vector} @@ ${TSQUERY[filter.op]}(${language}${target.bind(filter.value)}))`;
}
