/**
 * PostgREST's rules: the name is the related table, a foreign key's constraint or its only column; the hint is a
 * constraint, a column or a junction table.
 */
import type { Embed } from '@tidemark/query';
import { type Catalog, type Relation, type RelationRef, type Relationship, refKey } from './catalog.ts';
import { ambiguousRelationship, unknownRelationship } from './suggestions.ts';

export function findRelationship(catalog: Catalog, parent: Relation, embed: Embed): Relationship {
  // The profile of a request selects one schema, so related tables of other schemas are not available.
  const all = catalog.relationships(parent).filter((r) => r.to.schema === parent.schema || r.kind === 'computed');
  const computed = all.find((r) => r.kind === 'computed' && r.function.name === embed.name);
  if (computed && embed.hint === null) return computed;
  const found = withoutViews(
    catalog,
    embed,
    all.filter((r) => r.kind !== 'computed' && matches(r, embed)),
  );
  if (found.length === 1) return found[0] as Relationship;
  if (found.length > 1) {
    throw ambiguousRelationship({ parent: parent.name, child: embed.name }, found);
  }
  const other = all.filter((r) => isOtherSide(r, embed));
  if (other.length === 1) return other[0] as Relationship;
  const { name: child, hint } = embed;
  throw unknownRelationship({ parent: parent.name, child, schema: parent.schema, hint }, all);
}

/** A view that shows a key does not make the key ambiguous: it counts where the request names it. */
function withoutViews(
  catalog: Catalog,
  { name, hint }: Embed,
  found: readonly Relationship[],
): readonly Relationship[] {
  if (found.length < 2) return found;
  const isView = (ref: RelationRef) => /view/.test(catalog.relation(ref.schema, ref.name)?.kind ?? '');
  const tables = found.filter((relationship) => {
    if (relationship.to.name !== name && isView(relationship.to)) return false;
    return relationship.kind !== 'junction' || relationship.junction.name === hint || !isView(relationship.junction);
  });
  return tables.length > 0 ? tables : found;
}

function matches(relationship: Relationship, embed: Embed): boolean {
  const { name, hint } = embed;
  const toTable = relationship.to.name === name;
  if (refKey(relationship.from) === refKey(relationship.to)) {
    // A foreign key of a table to itself has two directions: the table's name selects the children, the column the parent.
    if (relationship.kind !== 'key') return toTable && (hint === null || hintMatches(relationship, hint));
    if (hint === null) return relationship.referencing ? namesKey(relationship, name) : toTable;
    return !relationship.referencing && toTable && hintMatches(relationship, hint);
  }
  if (hint === null) {
    return toTable || (relationship.kind === 'key' && relationship.referencing && namesKey(relationship, name));
  }
  return toTable && hintMatches(relationship, hint);
}

/** The other side of a one-to-one key may be called by the constraint or by its column, too. */
function isOtherSide(relationship: Relationship, { name, hint }: Embed): boolean {
  if (relationship.kind !== 'key' || relationship.referencing || !relationship.toOne || hint !== null) return false;
  if (refKey(relationship.from) === refKey(relationship.to)) return false;
  const { constraint, columns } = relationship;
  return constraint === name || (columns.length === 1 && columns[0]?.to === name);
}

function namesKey(relationship: Relationship, name: string): boolean {
  if (relationship.kind !== 'key') return false;
  return (
    relationship.constraint === name || (relationship.columns.length === 1 && relationship.columns[0]?.from === name)
  );
}

function hintMatches(relationship: Relationship, hint: string): boolean {
  if (relationship.kind === 'junction') {
    return (
      relationship.junction.name === hint ||
      relationship.near.constraint === hint ||
      relationship.far.constraint === hint
    );
  }
  if (relationship.kind === 'computed') return false;
  if (relationship.constraint === hint) return true;
  const [only, ...more] = relationship.columns;
  return more.length === 0 && (only?.from === hint || only?.to === hint);
}
