/** `cs`, `cd` and `ov` on arrays: comparisons of their sets of elements, without order, repetition and dimensions. */
import type { Scalar } from './scalar.ts';

export type ContentsOperator = 'cs' | 'cd' | 'ov';

export type Contents = readonly (string | null)[];

export function contentsOf(array: unknown, scalar: Scalar): Contents | undefined {
  if (!Array.isArray(array)) return undefined;
  const keys: (string | null)[] = [];
  for (const element of array.flat(Number.POSITIVE_INFINITY)) {
    const value = element === null ? null : scalar.value(element);
    if (value === undefined) return undefined;
    keys.push(value === null ? null : scalar.key(value));
  }
  return keys;
}

/** NULL equals nothing, so that no array contains an array with a NULL. */
export function contentsTest(op: ContentsOperator, constant: Contents): (value: Contents) => boolean {
  const wanted = new Set(constant);
  wanted.delete(null);
  switch (op) {
    case 'cs':
      if (constant.includes(null)) return () => false;
      return (value) => {
        const found = new Set(value);
        return [...wanted].every((key) => found.has(key));
      };
    case 'cd':
      return (value) => value.every((key) => key !== null && wanted.has(key));
    case 'ov':
      return (value) => value.some((key) => key !== null && wanted.has(key));
  }
}
