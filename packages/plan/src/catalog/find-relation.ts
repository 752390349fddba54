import type { Catalog, Relation } from './catalog.ts';
import { unknownTable } from './suggestions.ts';

export function findRelation(catalog: Catalog, schema: string, name: string): Relation {
  const relation = catalog.relation(schema, name);
  if (!relation) throw unknownTable(catalog, schema, name);
  return relation;
}
