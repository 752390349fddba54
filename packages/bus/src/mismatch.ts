import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** Returns how a value differs from its schema; undefined where it matches. */
export type Mismatch = (value: unknown) => string | undefined;

/** A validator for each schema. Schemas are constants of the contracts, so the number is bounded. */
const compiled = new WeakMap<TSchema, Mismatch>();

export function mismatchOf(schema: TSchema): Mismatch {
  const known = compiled.get(schema);
  if (known) return known;
  const validator = Compile(schema);
  const mismatch: Mismatch = (value) => {
    if (validator.Check(value)) return undefined;
    const [first] = validator.Errors(value);
    return first ? `${first.instancePath || '/'} ${first.message}` : 'the value does not match its schema';
  };
  compiled.set(schema, mismatch);
  return mismatch;
}
