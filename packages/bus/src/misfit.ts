/** What is wrong with a message, by its schema. */
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

/** What does not fit, in words; undefined where it fits. */
export type Misfit = (value: unknown) => string | undefined;

/** Compiled once for each schema; they are constants of the contracts. */
const compiled = new WeakMap<TSchema, Misfit>();

export function misfitOf(schema: TSchema): Misfit {
  const known = compiled.get(schema);
  if (known) return known;
  const validator = Compile(schema);
  const misfit: Misfit = (value) => {
    if (validator.Check(value)) return undefined;
    const [first] = validator.Errors(value);
    return first ? `${first.instancePath || '/'} ${first.message}` : 'does not fit its schema';
  };
  compiled.set(schema, misfit);
  return misfit;
}
