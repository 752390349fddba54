/** Checks the spec of a job by its kind's JSON schema, which the instances of batch register in tidemark.job_kinds. */
import { LRUCache } from 'lru-cache';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { errors } from '../../errors.ts';

export interface RegisteredKind {
  name: string;
  schema: string;
}

export const kindsSql = 'select name, spec_schema::text as schema from tidemark.job_kinds order by name';

type Validator = ReturnType<typeof Compile>;

/** Validators by their schema: some dozens of kinds, each a few kilobytes. */
const MAX_VALIDATORS = 200;
const validators = new LRUCache<string, Validator>({ max: MAX_VALIDATORS });

export function checkSpec(kinds: readonly RegisteredKind[], kind: string, spec: unknown): void {
  const registered = kinds.find(({ name }) => name === kind);
  if (!registered) {
    const known = kinds.map(({ name }) => name).join(', ');
    const hint = known ? `Use one of: ${known}.` : 'No instance of batch has registered its kinds yet: start one.';
    throw errors.JOB_INVALID({ pointer: '/kind', problem: `is no kind of job: ${kind}`, hint });
  }
  const validator = validatorOf(registered.schema);
  if (validator.Check(spec)) return;
  const [first] = validator.Errors(spec);
  throw errors.JOB_INVALID({
    pointer: `/spec${first?.instancePath ?? ''}`,
    problem: first?.message ?? 'does not fit',
    hint: `GET /rest/v1/job_kinds?name=eq.${encodeURIComponent(kind)} with the profile tidemark has the schema.`,
  });
}

function validatorOf(schema: string): Validator {
  let validator = validators.get(schema);
  if (!validator) {
    validator = Compile(JSON.parse(schema) as TSchema);
    validators.set(schema, validator);
  }
  return validator;
}
