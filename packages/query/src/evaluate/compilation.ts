/** The state that the conditions of one filter share while it is compiled: types, problems, columns and cost. */
import type { CompareFilter, Field } from '../ast.ts';
import { likePattern } from '../canonical.ts';
import { parseArrayLiteral } from './array-literal.ts';
import { CostSum, NATIVE_CHARACTER_STEPS, readingSteps } from './cost.ts';
import { textAt } from './json-path.ts';
import { type Predicate, type Row, reader } from './predicate.ts';
import { type ColumnType, type Scalar, scalarOf, typeName } from './scalar.ts';

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

export type ColumnTypes = Readonly<Record<string, ColumnType>>;

export const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'varchar', 'bpchar', 'name']);
/** Types whose values are read whole before a comparison. Other text is compared up to the constant's length. */
const READ_WHOLE: ReadonlySet<string> = new Set(['bpchar', 'numeric']);
export const NEVER: Predicate = () => null;

export class Compilation {
  readonly problems: FilterProblem[] = [];
  readonly columns = new Set<string>();
  readonly cost = new CostSum();
  readonly types: ColumnTypes;
  readonly timeZone: 'UTC' | null;

  constructor(types: ColumnTypes, timeZone: 'UTC' | null) {
    this.types = types;
    this.timeZone = timeZone;
  }

  reader<T>({ name, json }: Field, value: (raw: unknown) => T | undefined, type?: string): (row: Row) => T | null {
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

  patterns(filter: CompareFilter): (string | null)[] | null {
    const value = filter.op === 'like' || filter.op === 'ilike' ? likePattern(filter.value) : filter.value;
    return filter.quantifier === null ? [value] : this.array(filter.field.name, value);
  }

  operands(filter: CompareFilter, scalar: Scalar): unknown[] | null {
    const column = filter.field.name;
    const texts = filter.quantifier === null ? [filter.value] : this.array(column, filter.value);
    return texts && this.constants(column, scalar, texts);
  }

  array(column: string, literal: string): (string | null)[] | null {
    const items = parseArrayLiteral(literal);
    if (!items) this.refuse('constant', column, `${literal} is not a one-dimensional array`);
    return items;
  }

  constants(column: string, scalar: Scalar, texts: readonly (string | null)[]): unknown[] | null {
    this.cost.hold(texts);
    const constants: unknown[] = [];
    for (const text of texts) {
      const constant = text === null ? null : scalar.constant(text);
      if (constant === null && text !== null) {
        this.refuse('constant', column, `${text} is not a ${scalar.type} in a form that is read here`);
        return null;
      }
      constants.push(constant);
    }
    return constants;
  }

  countReading(column: string, scalar: Scalar, comparisons: number): void {
    this.cost.add(readingSteps(scalar.type) + comparisons);
    if (READ_WHOLE.has(scalar.type)) this.cost.addPerCharacter(column, NATIVE_CHARACTER_STEPS);
  }

  scalar(column: string, type: ColumnType): Scalar | null {
    const scalar = scalarOf(type, this.timeZone);
    if (!scalar) {
      const collation = TEXT_TYPES.has(typeName(type));
      if (collation) this.refuse('collation', column, `a non-deterministic collation is compared by Postgres`);
      else this.refuse('type', column, `values of type ${typeName(type)} are compared by Postgres`);
    }
    return scalar;
  }

  refuse(reason: FilterProblem['reason'], column: string, message: string): Predicate {
    this.problems.push({ reason, column, message });
    return NEVER;
  }
}
