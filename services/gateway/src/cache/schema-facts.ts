/**
 * Views are followed to their tables; policies, and functions whose body Postgres has parsed (BEGIN ATOMIC), to all
 * that they read. A relation that cannot be followed, or depends on more than rows and identity (the time, random
 * numbers), is not cached.
 */
import { tableKey } from '@tidemark/contracts';

export interface FactsRow {
  schema: string;
  published: string;
  relations: RelationFacts[];
  trees: { of: string; refs: string[]; unfit: boolean; personal: boolean }[];
  functions: FunctionFacts[];
}

interface RelationFacts {
  oid: number;
  schema: string;
  name: string;
  kind: 'r' | 'p' | 'v';
  rowSecurity: boolean;
  stamps: string;
  published: boolean;
  inherited: boolean;
}

interface FunctionFacts {
  oid: number;
  name: string;
  own: boolean;
  volatility: 'i' | 's' | 'v';
  aggregate: boolean;
  /** The body is an expression tree, which is in `trees`. */
  readable: boolean;
}

export interface Reads {
  readonly tables: ReadonlySet<string>;
  readonly oids: ReadonlySet<number>;
  /** Whether two identities of one role may see different rows. */
  readonly personal: boolean;
  readonly refusal: string | undefined;
}

export interface SchemaFacts {
  readonly fingerprint: string;
  readonly published: string;
  readsOf(oid: number): Reads;
  /** The value that the guard column of a statement that reads these relations must have. */
  stampsOf(oids: Iterable<number>): string;
}

/** Built-in stable functions that depend only on their arguments, the identity, and settings that are part of the key. */
const STEADY = new Set(
  `current_setting to_char to_json to_jsonb row_to_json array_to_json json_build_object json_build_array
   jsonb_build_object jsonb_build_array concat concat_ws format array_to_string textanycat anytextcat date_trunc date_part
   extract timezone to_timestamp to_date to_number to_tsvector to_tsquery plainto_tsquery phraseto_tsquery
   websearch_to_tsquery ts_headline make_timestamptz timestamptz_pl_interval timestamptz_mi_interval timestamptz
   timestamp date time timetz timestamptz_date timestamptz_timestamp date_timestamptz timestamp_timestamptz json_populate_record
   jsonb_populate_record json_to_record jsonb_to_record json_to_recordset jsonb_to_recordset json_populate_recordset
   jsonb_populate_recordset`
    .trim()
    .split(/\s+/),
);
/** Comparisons between dates with and without a zone: `date_lt_timestamptz` and the like. */
const STEADY_COMPARISON = /^(date|timestamp|timestamptz)_(eq|ne|lt|le|gt|ge|cmp)_(date|timestamp|timestamptz)$/;

export function schemaFacts(row: FactsRow): SchemaFacts {
  const relations = new Map(row.relations.map((relation) => [relation.oid, relation]));
  const functions = new Map(row.functions.map((fn) => [fn.oid, fn]));
  const trees = new Map<string, FactsRow['trees']>();
  for (const tree of row.trees) {
    const list = trees.get(tree.of);
    if (list) list.push(tree);
    else trees.set(tree.of, [tree]);
  }
  // As many as the catalog has relations.
  const known = new Map<number, Reads>();

  function follow(start: number): Reads {
    const tables = new Set<string>();
    const oids = new Set<number>();
    const seen = new Set<string>();
    let personal = false;
    let refusal: string | undefined;
    const refuse = (reason: string) => {
      refusal ??= reason;
    };

    function visitTree(of: string): void {
      if (seen.has(of)) return;
      seen.add(of);
      for (const tree of trees.get(of) ?? []) {
        if (tree.unfit) refuse(`a ${of.split(' ')[0]} depends on the time or on random numbers`);
        personal ||= tree.personal;
        for (const ref of tree.refs) {
          const [kind, oid] = ref.split(' ');
          if (kind === 'relid') visitRelation(Number(oid));
          else visitFunction(Number(oid));
        }
      }
    }

    function visitRelation(oid: number): void {
      if (oids.has(oid)) return;
      oids.add(oid);
      const relation = relations.get(oid);
      if (relation?.kind === 'v') visitTree(`view ${oid}`);
      else if (!relation) refuse('it reads a relation that is neither a table nor a view of a user');
      else if (!relation.published) refuse(`${relation.name} is not in the publication with all its rows and columns`);
      else if (relation.inherited) refuse(`${relation.name} has child tables`);
      else {
        tables.add(tableKey(relation.schema, relation.name));
        if (!relation.rowSecurity) return;
        personal = true;
        visitTree(`policies ${oid}`);
      }
    }

    function visitFunction(oid: number): void {
      const fn = functions.get(oid);
      // Built-in immutable functions are not in the list.
      if (!fn || fn.volatility === 'i') return;
      if (fn.own) {
        if (fn.name === 'current_setting') personal = true;
        const steady = fn.aggregate || STEADY.has(fn.name) || STEADY_COMPARISON.test(fn.name);
        if (!steady || fn.volatility === 'v')
          refuse(`${fn.name}() is ${fn.volatility === 'v' ? 'volatile' : 'not constant within a statement'}`);
      } else if (fn.volatility === 'v' || !fn.readable) {
        refuse(`the tables that ${fn.name}() reads are not known`);
      } else visitTree(`function ${oid}`);
    }

    visitRelation(start);
    return { tables, oids, personal, refusal };
  }

  return {
    fingerprint: row.schema + row.published,
    published: row.published,
    readsOf(oid) {
      const found = known.get(oid) ?? follow(oid);
      known.set(oid, found);
      return found;
    },
    stampsOf(oids) {
      const all = [...oids].flatMap((oid) => relations.get(oid)?.stamps.split(',') ?? []);
      return all.sort().join(',');
    },
  };
}
