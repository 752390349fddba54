/**
 * The part of Postgres's catalog that the API uses. It is read once, and replaced as a whole when the schema changes.
 *
 *   relation      a table, view, materialized view, foreign or partitioned table of an exposed schema
 *   relationship  a way from one relation to another: a foreign key (either way), a junction table, or a function
 *   routine       a function of an exposed schema, by name and arguments
 */

import type { SessionReset } from '@tidemark/db';
import type { OwnMedia } from '@tidemark/query';

export interface Column {
  readonly name: string;
  /** Valid in SQL, as format_type prints it: `integer`, `character varying(80)`, `public.mood[]`. */
  readonly type: string;
  /** The same without a modifier such as a length: a value of it gets that of the column when it is assigned. */
  readonly bareType: string;
  /** json or jsonb, or a domain over one of them. */
  readonly isJson: boolean;
  readonly nullable: boolean;
  readonly hasDefault: boolean;
  readonly defaultSql: string | null;
  /** True for GENERATED ALWAYS (stored, virtual or identity): the column cannot be written. */
  readonly generated: boolean;
  readonly comment: string | null;
  readonly enumValues: readonly string[] | null;
  /** Functions of casts between the column's domain and json or text: PostgREST's data representations. */
  readonly casts: ColumnCasts | null;
}

export interface ColumnCasts {
  readonly toJson?: RelationRef;
  readonly toText?: RelationRef;
  readonly fromJson?: RelationRef;
  readonly fromText?: RelationRef;
}

export type RelationKind = 'table' | 'partitioned table' | 'view' | 'materialized view' | 'foreign table';

export interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly oid: number;
  readonly kind: RelationKind;
  readonly columns: ReadonlyMap<string, Column>;
  /** The primary key. A view has the keys of the tables that it reads, as far as it shows all columns of one. */
  readonly primaryKey: readonly string[];
  /** The primary key where no two rows have the same and none is null: not in a view of a join, nor with inheritance. */
  readonly uniqueKey: readonly string[];
  readonly rowSecurity: boolean;
  /**
   * Roles from which row-level security hides no row of the relation or of those that its view reads: a policy of theirs is
   * `true`. The set is empty if the view calls a user's function, which may read anything.
   */
  readonly allVisibleTo: 'everyone' | ReadonlySet<string>;
  /** The relation or a partition has triggers or rules for INSERT. */
  readonly insertTriggers: boolean;
  /** A policy, default or constraint calls a function or reads a setting other than the claims, so it may depend on the request. */
  readonly readsRequest: boolean;
  /** True for a table whose columns and policies use only built-in types and functions, none of which changes the session. */
  readonly sessionSafe: boolean;
  readonly insertable: boolean;
  readonly updatable: boolean;
  readonly deletable: boolean;
  /** Functions of exposed schemas that take a row of this relation and return one value. */
  readonly computed: ReadonlyMap<string, ComputedColumn>;
  readonly comment: string | null;
}

export interface ComputedColumn extends RelationRef {
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
  readonly toOne: boolean;
}

/** A foreign key: `toOne` when it is followed from the referencing side, or is unique on it. */
export interface KeyRelationship extends RelationshipBase {
  readonly kind: 'key';
  readonly constraint: string;
  readonly columns: readonly ColumnPair[];
  /** True when `from` is the referencing side. */
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
  readonly returnType: string;
  readonly returnsSet: boolean;
  readonly returnsVoid: boolean;
  /** Columns of the result: RETURNS TABLE, OUT arguments, a composite type or a relation. Null for a scalar. */
  readonly resultColumns: readonly string[] | null;
  /** Their types, in the same order. */
  readonly resultTypes: readonly string[] | null;
  readonly resultRelation: RelationRef | null;
  /** `create function … set statement_timeout`, which Postgres itself applies only to statements that begin later. */
  readonly timeoutMs: number | null;
  /** The media type of the value: the name of the domain that the function returns. */
  readonly mediaType: { readonly mime: string; readonly isBytes: boolean } | null;
  readonly volatility: 'immutable' | 'stable' | 'volatile';
  readonly comment: string | null;
}

export interface Catalog {
  readonly version: number;
  readonly loadedAt: number;
  readonly schemas: readonly string[];
  /** A user's function, operator or cast may be chosen instead of a built-in one. */
  readonly shadowed: boolean;
  relation(schema: string, name: string): Relation | undefined;
  relations(schema: string): readonly Relation[];
  relationships(from: RelationRef): readonly Relationship[];
  routines(schema: string, name: string): readonly Routine[];
  allRoutines(schema: string): readonly Routine[];
  roles: ReadonlySet<string>;
  /** Roles that no policy applies to: superusers and those with BYPASSRLS. */
  bypassing: ReadonlySet<string>;
  /** Types that a request may cast to: built-in types of values, and the types of the exposed schemas. */
  types: ReadonlySet<string>;
  timeZones: ReadonlySet<string>;
  /** Names the state that functions, policies and views can leave in their session. */
  readonly changesSession: SessionReset;
  readonly requestReaders: {
    /** The refKeys of relations whose policies or definitions may read the headers, method, path or cookies of the request. */
    readonly relations: ReadonlySet<string>;
    /** True if some function may read them. */
    readonly byFunction: boolean;
  };
  /** Aggregates that return a media type, of exposed schemas. */
  readonly mediaTypes: readonly OwnMedia[];
  /** ALTER ROLE … SET, which SET ROLE does not apply. */
  readonly roleSettings: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export const refKey = (ref: RelationRef): string => `${ref.schema}\u0000${ref.name}`;
