import type { Lsn } from '@tidemark/contracts';
import { INSERTED_SQL, ROLES_SQL } from '@tidemark/db';
import { ROLES_VERSION_SQL } from '../definitions/definition-sql.ts';
import type { KnownDefinition } from '../definitions/known-definitions.ts';
import { CURRENT_ROLE_SQL, rolesVersionSql } from '../definitions/role-rights.ts';

/**
 * With an empty search path, names print with their schema. In READ COMMITTED, this position lies before the facts'
 * snapshot.
 */
export const BEFORE = `select set_config('search_path', '', true), ${INSERTED_SQL} as lsn`;
/** Epochs sort as text. The router's polled epoch may be older than the changes. */
export const LAST_EPOCH = 'select max(epoch collate "C") as epoch from tidemark.epochs';
/** Everything that the facts reflect is in the WAL before this position. */
export const AFTER = `select ${INSERTED_SQL} as lsn, ${ROLES_VERSION_SQL} as roles,
  ${rolesVersionSql(CURRENT_ROLE_SQL)} as own_roles, ${ROLES_SQL} as all_roles`;

export interface After {
  lsn: string;
  roles: string;
  own_roles: string;
  all_roles: string;
}

/** Equal versions mean that nothing changed since the relay recorded them. */
export function sinceOf(
  known: KnownDefinition | undefined,
  definition: string,
  roles: Lsn | undefined,
): Lsn | undefined {
  if (known?.version !== definition || roles === undefined) return undefined;
  return known.since < roles ? roles : known.since;
}
