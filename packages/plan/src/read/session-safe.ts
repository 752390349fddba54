/** Determines whether a read runs no user's function (Statement.sessionSafe of @tidemark/db), so that it cannot change its session. */
import type { Condition, Level, Query } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';

/** Built-in casts that read neither the clock nor the session nor the catalog. */
export const PLAIN_CAST =
  /^(text|varchar|char|int[248]?|integer|bigint|smallint|numeric|decimal|real|float[48]?|double precision|bool|boolean|jsonb?|uuid)$/i;

export function isSessionSafe(catalog: Catalog, relation: Relation, query: Query): boolean {
  return !catalog.shadowed && levelIsSafe(catalog, relation, query);
}

function levelIsSafe(catalog: Catalog, of: Relation, { select, where, order }: Level): boolean {
  if (!of.sessionSafe || !where.every((condition) => conditionIsSafe(of, condition))) return false;
  // Ordering by a column of an embedded table is rare, and not analysed.
  if (!order.every((term) => term.related === null && of.columns.has(term.field.name))) return false;
  return select.every((item) => {
    if (item.kind === 'star') return true;
    if (item.kind === 'count') return castIsPlain(item.cast);
    if (item.kind === 'column')
      return of.columns.has(item.field.name) && castIsPlain(item.cast) && castIsPlain(item.aggregateCast);
    const relationship = findRelationship(catalog, of, item);
    if (relationship.kind === 'computed') return false;
    const { to } = relationship;
    const target = catalog.relation(to.schema, to.name);
    if (target === undefined || !levelIsSafe(catalog, target, item)) return false;
    if (relationship.kind !== 'junction') return true;
    const { junction } = relationship;
    return catalog.relation(junction.schema, junction.name)?.sessionSafe === true;
  });
}

function conditionIsSafe(of: Relation, condition: Condition): boolean {
  if (condition.kind === 'embed-null') return true;
  if (condition.kind === 'and' || condition.kind === 'or')
    return condition.conditions.every((part) => conditionIsSafe(of, part));
  return of.columns.has(condition.field.name);
}

const castIsPlain = (cast: string | null): boolean => cast === null || PLAIN_CAST.test(cast.trim());
