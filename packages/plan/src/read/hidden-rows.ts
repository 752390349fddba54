/** The planner's numbers (estimates, rows that a filter removed) would reveal rows that row-level security hides. */
import type { Condition, Level } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';

/** Returns true also when a function provides the rows, because it may read anything. */
export function mayHideRows(catalog: Catalog, relation: Relation, level: Level, role: string): boolean {
  return !catalog.bypassing.has(role) && levelMayHide(catalog, relation, level, role);
}

function levelMayHide(catalog: Catalog, relation: Relation, level: Level, role: string): boolean {
  if (hides(relation, role)) return true;
  const computed = (name: string) => !relation.columns.has(name);
  if (level.where.some((condition) => names(condition).some(computed))) return true;
  return (
    level.order.some((term) => term.related === null && computed(term.field.name)) ||
    level.select.some((item) => {
      if (item.kind === 'column') return computed(item.field.name);
      if (item.kind !== 'embed') return false;
      const relationship = findRelationship(catalog, relation, item);
      if (relationship.kind === 'computed') return true;
      const { to } = relationship;
      const target = catalog.relation(to.schema, to.name);
      if (target === undefined || levelMayHide(catalog, target, item, role)) return true;
      if (relationship.kind !== 'junction') return false;
      // A junction table in a schema that is not exposed is not in the catalog.
      const { junction } = relationship;
      const between = catalog.relation(junction.schema, junction.name);
      return between === undefined || hides(between, role);
    })
  );
}

const hides = ({ allVisibleTo }: Relation, role: string) => allVisibleTo !== 'everyone' && !allVisibleTo.has(role);

function names(condition: Condition): string[] {
  if (condition.kind === 'embed-null') return [];
  if (condition.kind === 'and' || condition.kind === 'or') return condition.conditions.flatMap(names);
  return [condition.field.name];
}
