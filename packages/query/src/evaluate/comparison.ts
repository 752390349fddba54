import type { CompareFilter } from '../ast.ts';
import type { Predicate, Row } from './predicate.ts';
import type { Scalar } from './scalar.ts';

export type Test = (value: unknown, constant: unknown) => boolean;

export function comparison(scalar: Scalar, op: CompareFilter['op']): Test {
  const { compare } = scalar;
  switch (op) {
    case 'neq':
      return (value, constant) => compare(value, constant) !== 0;
    case 'gt':
      return (value, constant) => compare(value, constant) > 0;
    case 'gte':
      return (value, constant) => compare(value, constant) >= 0;
    case 'lt':
      return (value, constant) => compare(value, constant) < 0;
    case 'lte':
      return (value, constant) => compare(value, constant) <= 0;
    default:
      return (value, constant) => compare(value, constant) === 0;
  }
}

/** In `op ANY/ALL (array)` a null element makes an undecided result unknown. */
export function quantified(
  filter: CompareFilter,
  constants: readonly unknown[],
  read: (row: Row) => unknown,
  test: Test,
): Predicate {
  const [only] = constants;
  if (filter.quantifier === null) {
    return (row) => {
      const value = read(row);
      return value === null ? null : test(value, only);
    };
  }
  const decisive = filter.quantifier === 'any';
  if (constants.length === 0) return () => !decisive;
  const known = constants.filter((constant) => constant !== null);
  const undecided = known.length < constants.length ? null : !decisive;
  return (row) => {
    const value = read(row);
    if (value === null) return null;
    for (const constant of known) if (test(value, constant) === decisive) return decisive;
    return undecided;
  };
}
