/**
 * What Postgres has, as far as the API needs to know it: read once, replaced as a whole when the schema changes.
 *
 *   relation      a table, view, materialized view, foreign or partitioned table of an exposed schema
 *   relationship  how to get from one relation to another: a foreign key (either way), a junction table, or a function
 *   routine       a function of an exposed schema, by name and arguments
 */

export interface Column {
  readonly name: string;
  /** As format_type prints it, ready to be written into SQL: `integer`, `character varying(80)`, `public.mood[]`. */
  readonly type: string;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  /** The default as SQL, of this table’s owner, not of a client; null where there is none. */
  readonly defaultSql: string | null;
  /** GENERATED ALWAYS (stored, virtual or identity): cannot be written. */
  readonly generated: boolean;
  readonly comment: string | null;
  readonly enumValues: readonly string[] | null;
}

export type RelationKind = 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table';

export interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly oid: number;
  readonly kind: RelationKind;
  readonly columns: ReadonlyMap<string, Column>;
  /** Of a view: of the table below it, where the view shows all of its columns. */
  readonly primaryKey: readonly string[];
  readonly rowSecurity: boolean;
  /**
   * Roles from which no row of it, or of what its view reads, is hidden by row-level security: those for which a policy is just
   * `true`. No role where its view calls a function of a user's, since nothing is known of what that reads.
   */
  readonly allVisibleTo: 'everyone' | ReadonlySet<string>;
  /** Triggers or rules of its own that run for an INSERT, here or on a partition. */
  readonly insertTriggers: boolean;
  /** A policy, default or constraint calls a function, or reads a setting other than the claims: it may depend on the request. */
  readonly readsRequest: boolean;
  /** A table whose columns and policies have types and functions of Postgres's own alone, none that changes the session. */
  readonly sessionSafe: boolean;
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly deletable: boolean;
  /** Computed columns by name: functions of exposed schemas that take a row of this relation and return one value. */
  readonly computed: ReadonlyMap<string, ComputedColumn>;
  readonly comment: string | null;
}

export interface ComputedColumn extends RelationRef {
  /** The type of the value, as format_type prints it. */
  readonly type: string;
}

export interface ColumnPair {
  readonly from: string;
  readonly to: string;
}

export interface RelationRef {
  readonly schema: string;
  readonly name: string;
}

interface RelationshipBase {
  readonly from: RelationRef;
  readonly to: RelationRef;
  /** At most one related row. */
  readonly toOne: boolean;
}

/** A foreign key: `toOne` when it is followed from the referencing side, or is unique on it. */
export interface KeyRelationship extends RelationshipBase {
  readonly kind: 'key';
  readonly constraint: string;
  readonly columns: readonly ColumnPair[];
  /** True where `from` is the referencing side. */
  readonly referencing: boolean;
}

/** Two foreign keys of one table in between, whose columns are part of that table's primary key. */
export interface JunctionRelationship extends RelationshipBase {
  readonly kind: 'junction';
  readonly junction: RelationRef;
  readonly near: { readonly constraint: string; readonly columns: readonly ColumnPair[] };
  readonly far: { readonly constraint: string; readonly columns: readonly ColumnPair[] };
}

/** A function that takes a row of `from` and returns rows of `to`. */
export interface ComputedRelationship extends RelationshipBase {
  readonly kind: 'computed';
  readonly function: RelationRef;
}

export type Relationship = KeyRelationship | JunctionRelationship | ComputedRelationship;

export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly hasDefault: boolean;
  readonly variadic: boolean;
}

export interface Routine {
  readonly schema: string;
  readonly name: string;
  readonly args: readonly Argument[];
  /** Type of the result as SQL; of a composite or table, its name. */
  readonly returnType: string;
  readonly returnsSet: boolean;
  readonly returnsVoid: boolean;
  /** Columns of the result: RETURNS TABLE, OUT arguments, a composite type or a relation. Null for a scalar. */
  readonly resultColumns: readonly string[] | null;
  /** The relation whose rows it returns, for embedding. */
  readonly resultRelation: RelationRef | null;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly comment: string | null;
}

export interface Catalog {
  /** Grows with each load. */
  readonly version: number;
  readonly loadedAt: number;
  readonly schemas: readonly string[];
  /** A function, operator or cast of a user's may be taken where one of Postgres's is meant. */
  readonly shadowed: boolean;
  relation(schema: string, name: string): Relation | undefined;
  relations(schema: string): readonly Relation[];
  /** All from `from`, in a stable order. */
  relationships(from: RelationRef): readonly Relationship[];
  routines(schema: string, name: string): readonly Routine[];
  allRoutines(schema: string): readonly Routine[];
  roles: ReadonlySet<string>;
  /** Roles that no policy applies to: superusers and those with BYPASSRLS. */
  bypassing: ReadonlySet<string>;
  /** Types that a request may cast to: Postgres's own types of values and those of the exposed schemas. */
  types: ReadonlySet<string>;
  timeZones: ReadonlySet<string>;
}

export const refKey = (ref: RelationRef): string => `${ref.schema}\u0000${ref.name}`;
