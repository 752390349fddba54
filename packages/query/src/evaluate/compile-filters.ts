/** Each kind of filter on one column → a predicate. A filter that only Postgres can decide is refused. */
import type { CompareFilter, InFilter, IsFilter } from '../ast.ts';
import { type ContentsOperator, contentsOf, contentsTest } from './array-contents.ts';
import { comparison, quantified } from './comparison.ts';
import { type Compilation, NEVER, TEXT_TYPES } from './compilation.ts';
import { COMPARISON_STEPS, NATIVE_CHARACTER_STEPS } from './cost.ts';
import { compileLike, type PatternMatcher } from './like.ts';
import type { Predicate } from './predicate.ts';
import { compileRegex } from './regex.ts';
import { type ColumnType, collationOf, scalarOf, typeName } from './scalar.ts';
import { lowerFold } from './text.ts';

const JSON_TYPES: ReadonlySet<string> = new Set(['json', 'jsonb']);
const ELEMENT_CHARACTER_STEPS = 1;

export function compileIs(compilation: Compilation, filter: IsFilter, type: ColumnType): Predicate {
  const column = filter.field.name;
  if (JSON_TYPES.has(typeName(type))) {
    return compilation.refuse(
      'type',
      column,
      `a JSON null and an SQL NULL look the same in a row that is given as JSON`,
    );
  }
  if (typeof type === 'object' && type.composite)
    return compilation.refuse('type', column, 'whether a row of fields is null is decided by Postgres');
  compilation.cost.add(COMPARISON_STEPS);
  const isNull = compilation.reader(filter.field, (raw) => raw);
  if (filter.value === 'null') return (row) => isNull(row) === null;
  if (filter.value === 'not_null') return (row) => isNull(row) !== null;
  const scalar = scalarOf(type, compilation.timeZone);
  if (scalar?.type !== 'bool') return compilation.refuse('type', column, `is.${filter.value} needs a boolean column`);
  const read = compilation.reader(filter.field, scalar.value, scalar.type);
  const wanted = filter.value === 'unknown' ? null : filter.value === 'true';
  return (row) => read(row) === wanted;
}

export function compileIn(compilation: Compilation, filter: InFilter, type: ColumnType): Predicate {
  const scalar = compilation.scalar(filter.field.name, type);
  const constants = scalar && compilation.constants(filter.field.name, scalar, filter.values);
  if (!scalar || !constants) return NEVER;
  // A set needs one lookup, another list one comparison for each constant.
  compilation.countReading(filter.field.name, scalar, scalar.identity ? 1 : constants.length);
  // x = ANY ('{}') is false even for a null x.
  if (constants.length === 0) return () => false;
  const read = compilation.reader(filter.field, scalar.value, scalar.type);
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

export function compileComparison(compilation: Compilation, filter: CompareFilter, type: ColumnType): Predicate {
  const column = filter.field.name;
  const scalar = compilation.scalar(column, type);
  if (!scalar) return NEVER;
  const { op } = filter;
  if (scalar.equalityOnly && op !== 'eq' && op !== 'neq' && op !== 'isdistinct') {
    return compilation.refuse(
      'collation',
      column,
      `the order of text is known here for the collations C and C.UTF-8 only`,
    );
  }
  const constants = compilation.operands(filter, scalar);
  if (!constants) return NEVER;
  compilation.countReading(column, scalar, constants.length);
  const read = compilation.reader(filter.field, scalar.value, scalar.type);
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

export function compilePattern(compilation: Compilation, filter: CompareFilter, type: ColumnType): Predicate {
  const column = filter.field.name;
  const scalar = compilation.scalar(column, type);
  if (!scalar) return NEVER;
  if (!TEXT_TYPES.has(typeName(type))) return compilation.refuse('type', column, `${filter.op} needs a text column`);
  const collation = collationOf(type);
  const ignoreCase = filter.op === 'ilike' || filter.op === 'imatch';
  const fold = ignoreCase ? lowerFold(collation) : (text: string) => text;
  if (!fold) {
    return compilation.refuse(
      'collation',
      column,
      `upper and lower case are known here for the collations C and C.UTF-8 only`,
    );
  }
  const like = filter.op === 'like' || filter.op === 'ilike';
  const patterns = compilation.patterns(filter);
  const matchers: (PatternMatcher | null)[] = [];
  for (const pattern of patterns ?? []) {
    const matcher =
      pattern === null ? null : like ? compileLike(pattern, fold) : compileRegex(pattern, ignoreCase, collation);
    if (pattern !== null && !matcher) {
      return compilation.refuse('pattern', column, `the pattern ${pattern} is read by Postgres only`);
    }
    matchers.push(matcher);
  }
  if (!patterns) return NEVER;
  compilation.cost.add(COMPARISON_STEPS * (1 + matchers.length));
  compilation.cost.hold(patterns);
  for (const matcher of matchers) {
    const folding = ignoreCase && like ? 2 * NATIVE_CHARACTER_STEPS : 0;
    compilation.cost.addPerCharacter(column, folding + (matcher?.stepsPerCharacter ?? 0));
  }
  // Patterns include the trailing spaces of a char(n), which comparisons ignore.
  const read = compilation.reader(filter.field, (raw) => (typeof raw === 'string' ? raw : undefined), scalar.type);
  return quantified(filter, matchers, read, (value, matcher) => (matcher as PatternMatcher).test(value as string));
}

export function compileContents(
  compilation: Compilation,
  filter: CompareFilter,
  op: ContentsOperator,
  type: ColumnType,
): Predicate {
  const column = filter.field.name;
  const element = typeof type === 'string' ? undefined : type.element;
  const scalar = element && scalarOf(element, compilation.timeZone);
  // Parsing the JSON array loses digits of large numbers.
  if (!scalar || scalar.type === 'numeric' || scalar.type === 'int8')
    return compilation.refuse('operator', column, `${op} is decided by Postgres for this type`);
  const texts = compilation.array(column, filter.value);
  const constants = texts && compilation.constants(column, scalar, texts);
  if (!constants) return NEVER;
  compilation.countReading(column, scalar, constants.length);
  compilation.cost.addPerCharacter(column, ELEMENT_CHARACTER_STEPS);
  const test = contentsTest(
    op,
    constants.map((constant) => (constant === null ? null : scalar.key(constant))),
  );
  const read = compilation.reader(filter.field, (raw) => contentsOf(raw, scalar), 'array');
  return (row) => {
    const value = read(row);
    return value === null ? null : test(value);
  };
}
