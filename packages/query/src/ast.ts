/**
 * The typed form of a PostgREST query string. `parseQuery` returns it, the gateway compiles it to one SQL statement, and the
 * realtime service matches changes against it. It is plain, frozen data. Every value is the text that the client sent, to be
 * bound as a parameter and never written into SQL.
 *
 * Glossary
 * - level: one table with its own select list, conditions, order and limit. The query is the root level; every embed is
 *   a level below another. `rel.sub.col=eq.1`, `rel.order=…`, `rel.limit=…` and `rel.or=(…)` are already on their level.
 * - embed: a related table in the select list, `alias:rel!hint!inner(cols)`; spread (`...rel(cols)`) when its columns are
 *   lifted into the parent row.
 * - hint: selects one of several relationships: a foreign key, a column or a junction table.
 * - field: a column, optionally with a path into its JSON, `data->a->>0`.
 * - condition: a node of a `where` list, which is one AND: a filter, a group (`and`/`or`), or the null test of an embed.
 * - negate: the `not.` prefix. Under SQL's three-valued logic, NOT of unknown is unknown.
 * - quantifier: `eq(any).{1,2}`: the value is a Postgres array literal, compared with ANY or ALL of its elements.
 * - pair: one `key=value` of the query string, percent-decoded, in the order sent.
 * - argument: a pair that is, or may be, a function's argument instead of a filter (`/rpc/…` by GET only).
 */

/** A step into JSON: `->key`, `->>key`, `->0`, `->>-1`. An index fits Postgres's int4. */
export type JsonStep =
  | { readonly arrow: '->' | '->>'; readonly kind: 'key'; readonly key: string }
  | { readonly arrow: '->' | '->>'; readonly kind: 'index'; readonly index: number };

export interface Field {
  readonly name: string;
  readonly json: readonly JsonStep[];
}

export type Aggregate = 'sum' | 'avg' | 'count' | 'max' | 'min';

export interface SelectStar {
  readonly kind: 'star';
}

/**
 * `alias:col->path::cast.sum()::aggregateCast`. A cast is made of letters, digits, `_`, `$` and spaces only; it is still
 * client text: resolve or quote it, as any identifier.
 */
export interface SelectColumn {
  readonly kind: 'column';
  readonly field: Field;
  readonly alias: string | null;
  readonly cast: string | null;
  readonly aggregate: Aggregate | null;
  readonly aggregateCast: string | null;
}

export interface SelectCount {
  readonly kind: 'count';
  readonly alias: string | null;
  readonly cast: string | null;
}

/** `where` is one AND. `limit` is null if the query has none. */
export interface Level {
  readonly select: readonly SelectNode[];
  readonly where: readonly Condition[];
  readonly order: readonly OrderTerm[];
  readonly limit: number | null;
  readonly offset: number;
}

/** `alias:name!hint!join(select)`, or `...name!hint!join(select)`. An empty `select` joins the table without returning columns. */
export interface Embed extends Level {
  readonly kind: 'embed';
  readonly name: string;
  /** Always null for a spread. */
  readonly alias: string | null;
  readonly hint: string | null;
  /** null means `left` by default. */
  readonly join: 'inner' | 'left' | null;
  readonly spread: boolean;
}

export type SelectNode = SelectStar | SelectColumn | SelectCount | Embed;

export type QuantifiableOperator = 'eq' | 'gt' | 'gte' | 'lt' | 'lte' | 'like' | 'ilike' | 'match' | 'imatch';
export type PlainOperator = 'neq' | 'isdistinct' | 'cs' | 'cd' | 'ov' | 'sl' | 'sr' | 'nxr' | 'nxl' | 'adj';
export type CompareOperator = QuantifiableOperator | PlainOperator;
export type FtsOperator = 'fts' | 'plfts' | 'phfts' | 'wfts';
export type Quantifier = 'any' | 'all';
export type IsValue = 'null' | 'not_null' | 'true' | 'false' | 'unknown';

/** `col=eq.value`. In `like` and `ilike`, `*` stands for `%` (see `likePattern`). */
export interface CompareFilter {
  readonly kind: 'compare';
  readonly field: Field;
  readonly negate: boolean;
  readonly op: CompareOperator;
  /** null for plain operators. With a quantifier, `value` is an array literal: `{a,b}`. */
  readonly quantifier: Quantifier | null;
  readonly value: string;
}

/** `col=in.(a,"b,c")`. `in.()` has no values and matches nothing. */
export interface InFilter {
  readonly kind: 'in';
  readonly field: Field;
  readonly negate: boolean;
  readonly values: readonly string[];
}

export interface IsFilter {
  readonly kind: 'is';
  readonly field: Field;
  readonly negate: boolean;
  readonly value: IsValue;
}

export interface FtsFilter {
  readonly kind: 'fts';
  readonly field: Field;
  readonly negate: boolean;
  readonly op: FtsOperator;
  readonly language: string | null;
  readonly value: string;
}

export type Filter = CompareFilter | InFilter | IsFilter | FtsFilter;

/** `and=(…)`, `not.or=(…)`, `and(…)` inside a group. Never empty. */
export type Group = GroupOf<'and'> | GroupOf<'or'>;

export interface GroupOf<Kind> {
  readonly kind: Kind;
  readonly negate: boolean;
  readonly conditions: readonly Condition[];
}

/** `rel=is.null` (no related row) or, negated, `rel=not.is.null`, where `rel` is an embed of the same level. */
export interface EmbedNull {
  readonly kind: 'embed-null';
  readonly embed: string;
  readonly negate: boolean;
}

export type Condition = Filter | Group | EmbedNull;

/** `col->path.desc.nullslast`; `related` orders by a column of a to-one embed: `rel(col).desc`. */
export interface OrderTerm {
  readonly field: Field;
  /** The alias or name of an embed of the same level, or null for a column of this level. */
  readonly related: string | null;
  readonly direction: 'asc' | 'desc' | null;
  readonly nulls: 'first' | 'last' | null;
}

export type Pair = readonly [key: string, value: string];

export interface Query extends Level {
  readonly columns: readonly string[] | null;
  readonly onConflict: readonly string[] | null;
  /** `after=<cursor>`: an opaque keyset cursor (letters, digits, `-`, `_`, `~`), empty for the first page, or null. */
  readonly after: string | null;
  /** `tidemark=<t>`: the position of the write-ahead log that the response must include, or null. */
  readonly tidemark: string | null;
  /**
   * Arguments of a function, otherwise empty. With `argumentNames`, exactly the pairs that are arguments. Without it, every pair
   * that could be one, including those in `where` as filters. Repeated keys keep their order (variadic arguments).
   */
  readonly args: readonly Pair[];
  /** Reserved keys are included, so that a planner can parse the pairs again once it knows the function. */
  readonly pairs: readonly Pair[];
}
