import type { FastifyRequest } from 'fastify';
import { errors, postgrest } from '../../errors.ts';
import { bodyOf } from '../../request/parse.ts';

interface Validator<T> {
  Check(value: unknown): value is T;
  Errors(value: unknown): { instancePath: string; message: string }[];
}

/** @param hint with an example of the body */
export function bodyAs<T>(validator: Validator<T>, request: FastifyRequest, hint: string): T {
  let body: unknown;
  try {
    body = JSON.parse(bodyOf(request));
  } catch (cause) {
    throw postgrest.PGRST102({ reason: 'Empty or invalid json', hint }, { cause });
  }
  if (validator.Check(body)) return body;
  const [first] = validator.Errors(body);
  throw errors.JOB_INVALID({
    pointer: first?.instancePath || '/',
    problem: first?.message ?? 'does not fit',
    hint,
  });
}
