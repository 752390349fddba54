/** Compiles with SQL's three-valued logic. A condition that only Postgres can decide is reported at compile time. */
import type { CompareFilter, Condition, Field, FtsFilter, Group, InFilter, IsFilter } from '../ast.ts';
import { likePattern } from '../canonical.ts';
import { type ContentsOperator, contentsOf, contentsTest } from './array-contents.ts';
import { parseArrayLiteral } from './array-literal.ts';
import { comparison, quantified } from './comparison.ts';
import { COMPARISON_STEPS, CostSum, type FilterCost, NATIVE_CHARACTER_STEPS, readingSteps } from './cost.ts';
import { textAt } from './json-path.ts';
import { compileLike, type PatternMatcher } from './like.ts';
import { all, any, not, type Predicate, type Row, reader } from './predicate.ts';
import { compileRegex } from './regex.ts';
import { type ColumnType, collationOf, type Scalar, scalarOf, typeName } from './scalar.ts';
import { lowerFold } from './text.ts';

export interface FilterProblem {
  readonly reason:
    | 'unknown-column'
    | 'type'
    | 'operator'
    | 'json-path'
    | 'embed'
    | 'collation'
    | 'pattern'
    | 'constant';
  readonly column: string;
  readonly message: string;
}

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

export type ColumnTypes = Readonly<Record<string, ColumnType>>;

/**
 * A row maps columns to JSON values or Postgres texts. Numbers beyond 2^53 must be text. The predicate throws for a
 * row without a column that the filter reads, and for a value that is not of its type.
 */
export function compileFilter(
  where: readonly Condition[],
  types: ColumnTypes,
  options: CompileOptions = {},
): CompiledFilter {
  const compiler = new Compiler(types, options.timeZone ?? null);
  const test = all(where.map((condition) => compiler.condition(condition)));
  if (compiler.problems.length > 0) return { supported: false, problems: compiler.problems };
  return { supported: true, test, columns: [...compiler.columns], cost: compiler.cost.total() };
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'name']);
const JSON_TYPES: ReadonlySet<string> = new Set(['json', 'jsonb']);
/** Types whose values are read whole before a comparison. Other text is compared up to the constant's length. */
const READ_WHOLE: ReadonlySet<string> = new Set(['bpchar', 'numeric']);
const NEVER: Predicate = () => null;
const PARSED_CHARACTER_STEPS = 0.5;
const ELEMENT_CHARACTER_STEPS = 1;

type Filter = CompareFilter | InFilter | IsFilter | FtsFilter;

class Compiler {
  readonly problems: FilterProblem[] = [];
  readonly columns = new Set<string>();
  readonly cost = new CostSum();
  readonly #types: ColumnTypes;
  readonly #timeZone: 'UTC' | null;

  constructor(types: ColumnTypes, timeZone: 'UTC' | null) {
    this.#types = types;
    this.#timeZone = timeZone;
  }

  condition(condition: Condition): Predicate {
    if (condition.kind === 'embed-null') {
      return this.#refuse('embed', condition.embed, `${condition.embed} is another table`);
    }
    const test = condition.kind === 'and' || condition.kind === 'or' ? this.#group(condition) : this.#filter(condition);
    return condition.negate ? not(test) : test;
  }

  #group(group: Group): Predicate {
    this.cost.add(1);
    const tests = group.conditions.map((condition) => this.condition(condition));
    return group.kind === 'and' ? all(tests) : any(tests);
  }

  #filter(filter: Filter): Predicate {
    const column = filter.field.name;
    const given = Object.hasOwn(this.#types, column) ? this.#types[column] : undefined;
    if (given === undefined) return this.#refuse('unknown-column', column, `the table has no column ${column}`);
    const { json } = filter.field;
    if (json.length > 0 && (typeName(given) !== 'jsonb' || json.at(-1)?.arrow !== '->>'))
      return this.#refuse('json-path', column, `paths into JSON are compared by Postgres, but for text in a jsonb`);
    const type = json.length > 0 ? 'text' : given;
    if (json.length > 0) this.cost.addPerCharacter(column, PARSED_CHARACTER_STEPS);
    if (filter.kind === 'fts') return this.#refuse('operator', column, `${filter.op} is decided by Postgres`);
    this.columns.add(column);
    if (filter.kind === 'is') return this.#is(filter, type);
    if (filter.kind === 'in') return this.#in(filter, type);
    switch (filter.op) {
      case 'like':
      case 'ilike':
      case 'match':
      case 'imatch':
        return this.#pattern(filter, type);
      case 'eq':
      case 'neq':
      case 'isdistinct':
      case 'gt':
      case 'gte':
      case 'lt':
      case 'lte':
        return this.#compare(filter, type);
      case 'cs':
      case 'cd':
      case 'ov':
        return this.#contents(filter, filter.op, type);
      default:
        return this.#refuse('operator', column, `${filter.op} is decided by Postgres`);
    }
  }

  #is(filter: IsFilter, type: ColumnType): Predicate {
    const column = filter.field.name;
    if (JSON_TYPES.has(typeName(type))) {
      return this.#refuse('type', column, `a JSON null and an SQL NULL look the same in a row that is given as JSON`);
    }
    this.cost.add(COMPARISON_STEPS);
    const isNull = this.#reader(filter.field, (raw) => raw);
    if (filter.value === 'null') return (row) => isNull(row) === null;
    if (filter.value === 'not_null') return (row) => isNull(row) !== null;
    const scalar = scalarOf(type, this.#timeZone);
    if (scalar?.type !== 'bool') return this.#refuse('type', column, `is.${filter.value} needs a boolean column`);
    const read = this.#reader(filter.field, scalar.value, scalar.type);
    const wanted = filter.value === 'unknown' ? null : filter.value === 'true';
    return (row) => read(row) === wanted;
  }

  #in(filter: InFilter, type: ColumnType): Predicate {
    const scalar = this.#scalar(filter.field.name, type);
    const constants = scalar && this.#constants(filter.field.name, scalar, filter.values);
    if (!scalar || !constants) return NEVER;
    // A set needs one lookup, another list one comparison for each constant.
    this.#countReading(filter.field.name, scalar, scalar.identity ? 1 : constants.length);
    // x = ANY ('{}') is false even for a null x.
    if (constants.length === 0) return () => false;
    const read = this.#reader(filter.field, scalar.value, scalar.type);
    if (scalar.identity) {
      const wanted = new Set(constants);
      return (row) => {
        const value = read(row);
        return value === null ? null : wanted.has(value);
      };
    }
    return (row) => {
      const value = read(row);
      return value === null ? null : constants.some((constant) => scalar.compare(value, constant) === 0);
    };
  }

  #compare(filter: CompareFilter, type: ColumnType): Predicate {
    const column = filter.field.name;
    const scalar = this.#scalar(column, type);
    if (!scalar) return NEVER;
    const { op } = filter;
    if (scalar.equalityOnly && op !== 'eq' && op !== 'neq' && op !== 'isdistinct') {
      return this.#refuse('collation', column, `the order of text is known here for the collations C and C.UTF-8 only`);
    }
    const constants = this.#operands(filter, scalar);
    if (!constants) return NEVER;
    this.#countReading(column, scalar, constants.length);
    const read = this.#reader(filter.field, scalar.value, scalar.type);
    const test = comparison(scalar, op);
    if (filter.quantifier === null) {
      const [constant] = constants;
      if (op === 'isdistinct') {
        return (row) => {
          const value = read(row);
          return value === null || scalar.compare(value, constant) !== 0;
        };
      }
      if (scalar.identity && op === 'eq') {
        return (row) => {
          const value = read(row);
          return value === null ? null : value === constant;
        };
      }
    }
    return quantified(filter, constants, read, test);
  }

  #pattern(filter: CompareFilter, type: ColumnType): Predicate {
    const column = filter.field.name;
    const scalar = this.#scalar(column, type);
    if (!scalar) return NEVER;
    if (!TEXT_TYPES.has(typeName(type))) return this.#refuse('type', column, `${filter.op} needs a text column`);
    const collation = collationOf(type);
    const ignoreCase = filter.op === 'ilike' || filter.op === 'imatch';
    const fold = ignoreCase ? lowerFold(collation) : (text: string) => text;
    if (!fold) {
      return this.#refuse(
        'collation',
        column,
        `upper and lower case are known here for the collations C and C.UTF-8 only`,
      );
    }
    const like = filter.op === 'like' || filter.op === 'ilike';
    const patterns = this.#patterns(filter);
    const matchers: (PatternMatcher | null)[] = [];
    for (const pattern of patterns ?? []) {
      const matcher =
        pattern === null ? null : like ? compileLike(pattern, fold) : compileRegex(pattern, ignoreCase, collation);
      if (pattern !== null && !matcher) {
        return this.#refuse('pattern', column, `the pattern ${pattern} is read by Postgres only`);
      }
      matchers.push(matcher);
    }
    if (!patterns) return NEVER;
    this.cost.add(COMPARISON_STEPS * (1 + matchers.length));
    this.cost.hold(patterns);
    for (const matcher of matchers) {
      const folding = ignoreCase && like ? 2 * NATIVE_CHARACTER_STEPS : 0;
      this.cost.addPerCharacter(column, folding + (matcher?.stepsPerCharacter ?? 0));
    }
    // Patterns include the trailing spaces of a char(n), which comparisons ignore.
    const read = this.#reader(filter.field, (raw) => (typeof raw === 'string' ? raw : undefined), scalar.type);
    return quantified(filter, matchers, read, (value, matcher) => (matcher as PatternMatcher).test(value as string));
  }

  #contents(filter: CompareFilter, op: ContentsOperator, type: ColumnType): Predicate {
    const column = filter.field.name;
    const element = typeof type === 'string' ? undefined : type.element;
    const scalar = element && scalarOf(element, this.#timeZone);
    // Parsing the JSON array loses digits of large numbers.
    if (!scalar || scalar.type === 'numeric' || scalar.type === 'int8')
      return this.#refuse('operator', column, `${op} is decided by Postgres for this type`);
    const texts = this.#array(column, filter.value);
    const constants = texts && this.#constants(column, scalar, texts);
    if (!constants) return NEVER;
    this.#countReading(column, scalar, constants.length);
    this.cost.addPerCharacter(column, ELEMENT_CHARACTER_STEPS);
    const test = contentsTest(
      op,
      constants.map((constant) => (constant === null ? null : scalar.key(constant))),
    );
    const read = this.#reader(filter.field, (raw) => contentsOf(raw, scalar), 'array');
    return (row) => {
      const value = read(row);
      return value === null ? null : test(value);
    };
  }

  #reader<T>({ name, json }: Field, value: (raw: unknown) => T | undefined, type?: string): (row: Row) => T | null {
    const read = reader(name, value, type);
    if (json.length === 0) return read;
    const path = reader(
      name,
      (raw) => {
        const text = textAt(raw, json);
        return text === undefined ? undefined : { text };
      },
      'text',
    );
    return (row) => {
      const text = path(row)?.text ?? null;
      return text === null ? null : read({ [name]: text });
    };
  }

  #patterns(filter: CompareFilter): (string | null)[] | null {
    const value = filter.op === 'like' || filter.op === 'ilike' ? likePattern(filter.value) : filter.value;
    return filter.quantifier === null ? [value] : this.#array(filter.field.name, value);
  }

  #operands(filter: CompareFilter, scalar: Scalar): unknown[] | null {
    const column = filter.field.name;
    const texts = filter.quantifier === null ? [filter.value] : this.#array(column, filter.value);
    return texts && this.#constants(column, scalar, texts);
  }

  #array(column: string, literal: string): (string | null)[] | null {
    const items = parseArrayLiteral(literal);
    if (!items) this.#refuse('constant', column, `${literal} is not a one-dimensional array`);
    return items;
  }

  #constants(column: string, scalar: Scalar, texts: readonly (string | null)[]): unknown[] | null {
    this.cost.hold(texts);
    const constants: unknown[] = [];
    for (const text of texts) {
      const constant = text === null ? null : scalar.constant(text);
      if (constant === null && text !== null) {
        this.#refuse('constant', column, `${text} is not a ${scalar.type} in a form that is read here`);
        return null;
      }
      constants.push(constant);
    }
    return constants;
  }

  #countReading(column: string, scalar: Scalar, comparisons: number): void {
    this.cost.add(readingSteps(scalar.type) + comparisons);
    if (READ_WHOLE.has(scalar.type)) this.cost.addPerCharacter(column, NATIVE_CHARACTER_STEPS);
  }

  #scalar(column: string, type: ColumnType): Scalar | null {
    const scalar = scalarOf(type, this.#timeZone);
    if (!scalar) {
      const collation = TEXT_TYPES.has(typeName(type));
      if (collation) this.#refuse('collation', column, `a non-deterministic collation is compared by Postgres`);
      else this.#refuse('type', column, `values of type ${typeName(type)} are compared by Postgres`);
    }
    return scalar;
  }

  #refuse(reason: FilterProblem['reason'], column: string, message: string): Predicate {
    this.problems.push({ reason, column, message });
    return NEVER;
  }
}
