import type { Lsn, Tidemark } from '@tidemark/contracts';
import type { ColumnTypeDetail } from '@tidemark/query';
import type { Dated } from '../definitions/announced-definitions.ts';
import type { PolicyDependencies } from '../policies/policy-dependencies.ts';
import type { TablesRead } from '../policies/tables-read.ts';
import type { ColumnCatalog } from './column-catalog.ts';

/** The parts of a row that an expression reads. */
export interface ImageReads {
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
  rowAlone: boolean;
}

export interface TableFacts extends Dated {
  schema: string;
  table: string;
  oid: number;
  /** Version of all roles of the server, also of those that this service may not SET ROLE to. */
  allRoles: string;
  /** A server that has replayed up to here has everything that the facts say. */
  tidemark: Tidemark;
  /** The relay has announced this definition. */
  isRecorded: boolean;
  /** Position since which the definition and the role's memberships have not changed; undefined where it is not known. */
  since: Lsn | undefined;
  columns: readonly ColumnFacts[];
  /** Columns of the replica identity's index, else of the primary key; empty if the table has neither. */
  key: readonly string[];
  oldRows: boolean;
  /** Undefined where all rows are visible. */
  policy: string | undefined;
  dependencies: PolicyDependencies;
  tablesRead: TablesRead;
  policyReads: ImageReads;
  policyColumns: readonly string[];
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
