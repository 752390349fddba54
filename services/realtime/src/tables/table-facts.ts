/** The facts of a table for a role, which decide how the role may follow it. */
import type { Lsn, Tidemark } from '@tidemark/contracts';
import type { ColumnTypeDetail } from '@tidemark/query';
import type { Dated } from '../definitions/announced-definitions.ts';
import type { PolicyDependencies } from '../policies/policy-dependencies.ts';
import type { TablesRead } from '../policies/tables-read.ts';
import type { ColumnCatalog } from './column-catalog.ts';

/** The parts of a row that an expression reads. */
export interface ImageReads {
  /** Names of columns, generated ones included. */
  columns: readonly string[];
  /** The row is read as one value; `columns` holds all columns then. */
  whole: boolean;
  tableOid: boolean;
}

export interface ColumnFacts {
  /** pg_attribute.attnum */
  number: number;
  name: string;
  type: ColumnTypeDetail;
  readable: boolean;
  /** Whether its values are in the change stream. */
  published: boolean;
  sql: ColumnCatalog;
  /** Numbers of the published columns that a generated column is computed from; undefined where it cannot be computed. */
  sources: readonly number[] | undefined;
}

export interface PolicyFacts {
  name: string;
  permissive: boolean;
  /** SQL over the table's columns; null is true. */
  using: string | null;
  /** Whether it reads nothing but the row. */
  rowAlone: boolean;
}

export interface TableFacts extends Dated {
  schema: string;
  table: string;
  oid: number;
  /** A server that has replayed up to here has everything that the facts say. */
  tidemark: Tidemark;
  /** Position since which the definition and the role's memberships have not changed; undefined where it is not known. */
  since: Lsn | undefined;
  columns: readonly ColumnFacts[];
  /** The columns by which changes name rows: those of the replica identity's index, else of the primary key; may be empty. */
  key: readonly string[];
  /** Whether changes carry whole old rows (replica identity full). */
  oldRows: boolean;
  /** SQL over the table's columns that is true for the visible rows; undefined where all rows are visible. */
  policy: string | undefined;
  /** The claims that the policies read and compare with columns. */
  dependencies: PolicyDependencies;
  /** The other tables that the policies read. */
  tablesRead: TablesRead;
  policyReads: ImageReads;
  /** The columns that an image must have to evaluate the policies. */
  policyColumns: readonly string[];
  /** The policies that `policy` joins. */
  policies: readonly PolicyFacts[];
  /** Hash of everything that decides what the role may follow. */
  version: string;
  /** Changes with each change of rights, also one that leaves everything as it was before another. */
  trace: string;
}

/** Joins permissive policies by OR and restrictive ones by AND. Without a permissive policy, no row is visible. */
export function policySql(policies: readonly { permissive: boolean; using: string | null }[]): string {
  const text = (policy: { using: string | null }) => `(${policy.using ?? 'true'})`;
  const permissive = policies.filter((policy) => policy.permissive).map(text);
  const restrictive = policies.filter((policy) => !policy.permissive).map(text);
  if (permissive.length === 0) return 'false';
  return [`(${permissive.join(' or ')})`, ...restrictive].join(' and ');
}
