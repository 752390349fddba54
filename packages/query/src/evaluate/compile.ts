/** Compiles with SQL's three-valued logic. A condition that only Postgres can decide is reported at compile time. */
import type { CompareFilter, Condition, FtsFilter, Group, InFilter, IsFilter } from '../ast.ts';
import { type ColumnTypes, Compilation, type FilterProblem } from './compilation.ts';
import { compileComparison, compileContents, compileIn, compileIs, compilePattern } from './compile-filters.ts';
import type { FilterCost } from './cost.ts';
import { all, any, not, type Predicate } from './predicate.ts';
import { typeName } from './scalar.ts';

/** `test` returns true, false, or null for unknown; a row matches only if it returns true. `columns` are the columns that it reads. */
export type CompiledFilter =
  | {
      readonly supported: true;
      readonly test: Predicate;
      readonly columns: readonly string[];
      readonly cost: FilterCost;
    }
  | { readonly supported: false; readonly problems: readonly FilterProblem[] };

export interface CompileOptions {
  /** The session's time zone, in which Postgres reads a timestamptz without an offset. Only UTC is supported. */
  timeZone?: 'UTC';
}

/**
 * A row maps columns to JSON values or Postgres texts. Numbers beyond 2^53 must be text. The predicate throws for a
 * row without a column that the filter reads, and for a value that is not of its type.
 */
export function compileFilter(
  where: readonly Condition[],
  types: ColumnTypes,
  options: CompileOptions = {},
): CompiledFilter {
  const compilation = new Compilation(types, options.timeZone ?? null);
  const test = all(where.map((condition) => compileCondition(compilation, condition)));
  if (compilation.problems.length > 0) return { supported: false, problems: compilation.problems };
  return { supported: true, test, columns: [...compilation.columns], cost: compilation.cost.total() };
}

const PARSED_CHARACTER_STEPS = 0.5;

type Filter = CompareFilter | InFilter | IsFilter | FtsFilter;

function compileCondition(compilation: Compilation, condition: Condition): Predicate {
  if (condition.kind === 'embed-null') {
    return compilation.refuse('embed', condition.embed, `${condition.embed} is another table`);
  }
  const test =
    condition.kind === 'and' || condition.kind === 'or'
      ? compileGroup(compilation, condition)
      : compileColumnFilter(compilation, condition);
  return condition.negate ? not(test) : test;
}

function compileGroup(compilation: Compilation, group: Group): Predicate {
  compilation.cost.add(1);
  const tests = group.conditions.map((condition) => compileCondition(compilation, condition));
  return group.kind === 'and' ? all(tests) : any(tests);
}

function compileColumnFilter(compilation: Compilation, filter: Filter): Predicate {
  const column = filter.field.name;
  const given = Object.hasOwn(compilation.types, column) ? compilation.types[column] : undefined;
  if (given === undefined) return compilation.refuse('unknown-column', column, `the table has no column ${column}`);
  const { json } = filter.field;
  if (json.length > 0 && (typeName(given) !== 'jsonb' || json.at(-1)?.arrow !== '->>'))
    return compilation.refuse('json-path', column, `paths into JSON are compared by Postgres, but for text in a jsonb`);
  const type = json.length > 0 ? 'text' : given;
  if (json.length > 0) compilation.cost.addPerCharacter(column, PARSED_CHARACTER_STEPS);
  if (filter.kind === 'fts') return compilation.refuse('operator', column, `${filter.op} is decided by Postgres`);
  compilation.columns.add(column);
  if (filter.kind === 'is') return compileIs(compilation, filter, type);
  if (filter.kind === 'in') return compileIn(compilation, filter, type);
  switch (filter.op) {
    case 'like':
    case 'ilike':
    case 'match':
    case 'imatch':
      return compilePattern(compilation, filter, type);
    case 'eq':
    case 'neq':
    case 'isdistinct':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return compileComparison(compilation, filter, type);
    case 'cs':
    case 'cd':
    case 'ov':
      return compileContents(compilation, filter, filter.op, type);
    default:
      return compilation.refuse('operator', column, `${filter.op} is decided by Postgres`);
  }
}
