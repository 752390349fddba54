/** Whether a read runs what may read the headers, the method, the path or the cookies of its request. */
import type { Condition, Level } from '@tidemark/query';
import { type Catalog, type Relation, refKey } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';

export function seesRequest(catalog: Catalog, relation: Relation, level: Level): boolean {
  const { requestReaders } = catalog;
  if (requestReaders.relations.size === 0 && !requestReaders.byFunction) return false;
  return levelSees(catalog, relation, level);
}

function levelSees(catalog: Catalog, relation: Relation, level: Level): boolean {
  const { relations, byFunction } = catalog.requestReaders;
  if (relations.has(refKey(relation))) return true;
  const computed = (name: string) => byFunction && relation.computed.has(name) && !relation.columns.has(name);
  if (level.where.some((condition) => names(condition).some(computed))) return true;
  if (level.order.some(({ field }) => computed(field.name))) return true;
  return level.select.some((item) => {
    if (item.kind === 'column') return computed(item.field.name);
    if (item.kind !== 'embed') return false;
    const relationship = findRelationship(catalog, relation, item);
    if (relationship.kind === 'computed' && byFunction) return true;
    if (relationship.kind === 'junction' && relations.has(refKey(relationship.junction))) return true;
    const target = catalog.relation(relationship.to.schema, relationship.to.name);
    return target === undefined || levelSees(catalog, target, item);
  });
}

function names(condition: Condition): string[] {
  if (condition.kind === 'embed-null') return [];
  if (condition.kind === 'and' || condition.kind === 'or') return condition.conditions.flatMap(names);
  return [condition.field.name];
}
