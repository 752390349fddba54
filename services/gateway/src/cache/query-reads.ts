import { type Catalog, findRelationship, PLAIN_CAST, type Relation, type RelationRef } from '@tidemark/plan';
import type { Condition, Field, Filter, Level, Query } from '@tidemark/query';
import type { Reads, SchemaFacts } from './schema-facts.ts';

/** Postgres reads these words as dates relative to now, also inside of ranges and arrays. */
const CLOCK_WORD = /now|today|tomorrow|yesterday/i;
/** Types whose text Postgres does not read as a date. */
const PLAIN_TYPE =
  /^(text|character|"char"|uuid|integer|bigint|smallint|numeric|real|double|boolean|jsonb?|bytea|citext)/;

export interface QueryReads extends Omit<Reads, 'refusal'> {
  readonly stamps: string;
}

/** Returns the reason, as text, where the answer is not cached. */
export function queryReads(
  catalog: Catalog,
  facts: SchemaFacts,
  relation: Relation,
  query: Query,
): QueryReads | string {
  const tables = new Set<string>();
  const oids = new Set<number>();
  let personal = false;
  let refusal: string | undefined;

  function add(ref: RelationRef): void {
    const found = catalog.relation(ref.schema, ref.name);
    const reads = found && facts.readsOf(found.oid);
    refusal ??= reads ? reads.refusal : `${ref.name} is in no exposed schema`;
    if (!reads) return;
    for (const table of reads.tables) tables.add(table);
    for (const oid of reads.oids) oids.add(oid);
    personal ||= reads.personal;
  }

  function field(of: Relation, { name }: Field): void {
    if (of.columns.has(name)) return;
    const routines = catalog.routines(of.schema, name);
    const immutable = routines.length > 0 && routines.every((routine) => routine.volatility === 'immutable');
    if (!immutable) refusal ??= `${name} is computed`;
  }

  function condition(of: Relation, node: Condition): void {
    if (node.kind === 'and' || node.kind === 'or') for (const part of node.conditions) condition(of, part);
    else if (node.kind !== 'embed-null') filter(of, node);
  }

  function filter(of: Relation, node: Filter): void {
    field(of, node.field);
    if (node.kind === 'is' || node.field.json.length > 0) return;
    const text = node.kind === 'in' ? node.values.join(' ') : node.value;
    const type = of.columns.get(node.field.name)?.type ?? '';
    const plain = PLAIN_TYPE.test(type) && !type.endsWith('[]');
    if (!plain && CLOCK_WORD.test(text)) refusal ??= 'a value depends on the time';
  }

  function cast(name: string | null): void {
    if (name !== null && !PLAIN_CAST.test(name.trim())) refusal ??= `a cast to ${name} may depend on the time`;
  }

  function level(of: Relation, node: Level): void {
    for (const part of node.where) condition(of, part);
    for (const item of node.select) {
      if (item.kind === 'column') {
        field(of, item.field);
        cast(item.cast);
        cast(item.aggregateCast);
      } else if (item.kind === 'count') cast(item.cast);
      else if (item.kind === 'embed') {
        const relationship = findRelationship(catalog, of, item);
        if (relationship.kind === 'computed') refusal ??= `${item.name} is computed`;
        if (relationship.kind === 'junction') add(relationship.junction);
        add(relationship.to);
        const target = catalog.relation(relationship.to.schema, relationship.to.name);
        if (target) level(target, item);
      }
    }
    for (const term of node.order) {
      // The embed's table was added above; a name that is no column of it is a computed column.
      const embed = node.select.find((item) => item.kind === 'embed' && (item.alias ?? item.name) === term.related);
      if (term.related === null) field(of, term.field);
      else if (embed?.kind === 'embed') {
        const { to } = findRelationship(catalog, of, embed);
        const target = catalog.relation(to.schema, to.name);
        if (target) field(target, term.field);
      }
    }
  }

  add(relation);
  level(relation, query);
  return refusal ?? { tables, oids, personal, stamps: facts.stampsOf(oids) };
}
