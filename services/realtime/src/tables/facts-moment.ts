/** What tells, of facts that are read in one transaction, from when they are, and since when it has been so. */
import type { Lsn } from '@tidemark/contracts';
import { INSERTED_SQL } from '@tidemark/db';
import { ROLES_VERSION_SQL } from '../definitions/definition-sql.ts';
import type { KnownDefinition } from '../definitions/known-definitions.ts';
import { OWN_ROLES_VERSION_SQL } from '../definitions/role-rights.ts';

/**
 * Names print with their schema then, so a policy's text means the same in every session. The position is read before the snapshot of
 * the facts is taken: in READ COMMITTED each statement has its own.
 */
export const BEFORE = `select set_config('search_path', '', true), ${INSERTED_SQL} as lsn`;
/** Epochs sort as text. Asked for, since what is polled of it may be behind the changes. */
export const LAST_EPOCH = 'select max(epoch collate "C") as epoch from tidemark.epochs';
/** Whatever the facts have seen was in the WAL before. */
export const AFTER = `select ${INSERTED_SQL} as lsn, ${ROLES_VERSION_SQL} as roles,
  ${OWN_ROLES_VERSION_SQL} as own_roles`;

export interface After {
  lsn: string;
  roles: string;
  own_roles: string;
}

/** Versions that are equal to those that the relay saw have been so since then: two that are equal have nothing between them. */
export function sinceOf(
  known: KnownDefinition | undefined,
  definition: string,
  roles: Lsn | undefined,
): Lsn | undefined {
  if (known?.version !== definition || roles === undefined) return undefined;
  return known.since < roles ? roles : known.since;
}
