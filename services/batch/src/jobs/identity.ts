/** The identity that a job runs under, which is that of whoever inserted it. */
import { TidemarkError } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import { errors } from '../errors.ts';

export interface JobIdentity {
  role: string;
  /** As tidemark.job_requests keeps them; null when the row is gone. */
  claims: Record<string, unknown> | null;
}

/** @throws BATCH_ROLE_REFUSED for a role that a token could not name either, such as a superuser. */
export function identityOf({ role, claims }: JobIdentity, roles: readonly string[]): Identity {
  if (!roles.includes(role)) throw errors.ROLE_REFUSED({ role, reason: 'JWT_ROLES does not list it' });
  return { role, claims: JSON.stringify(claims ?? {}) };
}

/** SQLSTATE 42501 insufficient_privilege; 42704 and 22023: the role is not there (any more), or not ours to take. */
const ROLE_CODES = ['42501', '42704', '22023', 'DB_ROLE_MISSING'];

/** BATCH_ROLE_REFUSED where Postgres refused the role or its rights; any other error as it is. */
export function asRoleRefused(error: unknown, role: string): unknown {
  if (!(error instanceof TidemarkError && ROLE_CODES.includes(error.code))) return error;
  const reason = 'it does not exist, the service may not take it, or it may not read tidemark.files';
  return errors.ROLE_REFUSED({ role, reason }, { cause: error });
}
