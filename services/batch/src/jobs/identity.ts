/** The identity of a job, which is that of the role that inserted it. */
import { TidemarkError } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import { errors } from '../errors.ts';

export interface JobIdentity {
  role: string;
  /** The claims in tidemark.job_requests; null when the row no longer exists. */
  claims: Record<string, unknown> | null;
}

/** @throws BATCH_ROLE_REFUSED for a role that a token could not have, such as a superuser. */
export function identityOf({ role, claims }: JobIdentity, roles: readonly string[]): Identity {
  if (!roles.includes(role)) throw errors.ROLE_REFUSED({ role, reason: 'JWT_ROLES does not list it' });
  return { role, claims: JSON.stringify(claims ?? {}) };
}

/** SQLSTATE 42501 insufficient_privilege; 42704 and 22023: the role does not exist, or this login may not use it. */
const ROLE_CODES = ['42501', '42704', '22023', 'DB_ROLE_MISSING'];

/** Returns BATCH_ROLE_REFUSED when Postgres refused the role or its rights; any other error unchanged. */
export function asRoleRefused(error: unknown, role: string): unknown {
  if (!(error instanceof TidemarkError && ROLE_CODES.includes(error.code))) return error;
  const reason = 'it does not exist, the service may not take it, or it may not read tidemark.files';
  return errors.ROLE_REFUSED({ role, reason }, { cause: error });
}
