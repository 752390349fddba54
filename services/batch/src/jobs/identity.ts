import { TidemarkError } from '@tidemark/contracts';
import type { Identity } from '@tidemark/db';
import { ANY_ROLE } from '@tidemark/service';
import { errors } from '../errors.ts';

export interface JobIdentity {
  role: string;
  /** JSON; null when the row in tidemark.job_requests no longer exists. */
  claims: string | null;
  /** The role was dropped since, or the service may not take it. */
  isRefused?: boolean;
}

/** A token could not have the role of a superuser, for example, so a job must not either. */
export function identityOf({ role, claims, isRefused }: JobIdentity, roles: readonly string[]): Identity {
  if (isRefused) throw errors.ROLE_REFUSED({ role, reason: 'it does not exist, or the service may not take it' });
  if (!roles.includes(role) && !roles.includes(ANY_ROLE)) {
    throw errors.ROLE_REFUSED({ role, reason: 'JWT_ROLES does not list it' });
  }
  return { role, claims: claims ?? '{}' };
}

/** SQLSTATE 42501 insufficient_privilege; 42704 and 22023: the role does not exist, or this login may not use it. */
const ROLE_CODES = ['42501', '42704', '22023', 'DB_ROLE_MISSING'];

export function asRoleRefused(error: unknown, role: string): unknown {
  if (!(error instanceof TidemarkError && ROLE_CODES.includes(error.code))) return error;
  const reason = 'it does not exist, the service may not take it, or it may not read tidemark.files';
  return errors.ROLE_REFUSED({ role, reason }, { cause: error });
}
