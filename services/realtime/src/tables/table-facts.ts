/** What a role may follow of a table. */
import type { Lsn, Tidemark } from '@tidemark/contracts';
import type { ColumnTypeDetail } from '@tidemark/query';
import type { Dated } from '../definitions/announced-definitions.ts';
import type { PolicyDependencies } from '../policies/policy-dependencies.ts';
import type { TablesRead } from '../policies/tables-read.ts';
import type { ColumnCatalog } from './column-catalog.ts';

/** What of the rows is read. */
export interface ImageReads {
  /** Names of columns, generated ones included. */
  columns: readonly string[];
  /** The row as one value: then all columns are among them. */
  whole: boolean;
  tableOid: boolean;
}

export interface ColumnFacts {
  /** pg_attribute.attnum */
  number: number;
  name: string;
  type: ColumnTypeDetail;
  readable: boolean;
  /** Its values are in the WAL stream. */
  published: boolean;
  sql: ColumnCatalog;
  /** Numbers of the published columns that a generated one is computed from; undefined where its value cannot be computed. */
  sources: readonly number[] | undefined;
}

export interface PolicyFacts {
  name: string;
  permissive: boolean;
  /** SQL over the table's columns; null is true. */
  using: string | null;
  /** It reads nothing but the row (policies/policy-dependencies.ts). */
  rowAlone: boolean;
}

export interface TableFacts extends Dated {
  schema: string;
  table: string;
  oid: number;
  /** A server that has got so far has all that they say. */
  tidemark: Tidemark;
  /** The definition, and what the role is a member of, have been these at every position from here to `tidemark`. Undefined: that is not known. */
  since: Lsn | undefined;
  columns: readonly ColumnFacts[];
  /** What changes name their rows by: the columns of the replica identity's index, else of the primary key; empty without. */
  key: readonly string[];
  /** Old rows come whole. */
  oldRows: boolean;
  /** SQL over the table's columns that is true for the rows that the role may see; undefined where it may see all. */
  policy: string | undefined;
  /** What the policy reads of an identity's claims, and compares with columns. */
  dependencies: PolicyDependencies;
  /** The tables that the policies read besides the row. */
  tablesRead: TablesRead;
  /** What the policies read of a row. */
  policyReads: ImageReads;
  /** The columns that this takes: an image without one of them cannot be asked about. */
  policyColumns: readonly string[];
  /** What `policy` is made of, by name. */
  policies: readonly PolicyFacts[];
  /** Changes when anything above does that decides what this role may follow. */
  version: string;
  /** Changes with each change of rights, also one that leaves everything as it was before another. */
  trace: string;
}

/** Permissive policies are joined by OR, restrictive ones by AND; without a permissive one nothing is visible. */
export function policySql(policies: readonly { permissive: boolean; using: string | null }[]): string {
  const text = (policy: { using: string | null }) => `(${policy.using ?? 'true'})`;
  const permissive = policies.filter((policy) => policy.permissive).map(text);
  const restrictive = policies.filter((policy) => !policy.permissive).map(text);
  if (permissive.length === 0) return 'false';
  return [`(${permissive.join(' or ')})`, ...restrictive].join(' and ');
}
