/** Relationships as PostgREST's PGRST201 describes them, and the names that tell them apart. */
import type { ColumnPair, Relationship } from './catalog.ts';

interface RelationshipDescription {
  readonly cardinality: string;
  readonly embedding: string;
  readonly relationship: string;
}

const list = (names: readonly string[]): string => `(${names.join(', ')})`;
const froms = (columns: readonly ColumnPair[]) => list(columns.map(({ from }) => from));
const tos = (columns: readonly ColumnPair[]) => list(columns.map(({ to }) => to));

export function describeRelationship(relationship: Relationship): RelationshipDescription {
  const { from, to } = relationship;
  const embedding = `${from.name} with ${to.name}`;
  if (relationship.kind === 'junction') {
    const { near, far, junction } = relationship;
    const using = `${near.constraint}${tos(near.columns)} and ${far.constraint}${froms(far.columns)}`;
    return { cardinality: 'many-to-many', embedding, relationship: `${junction.name} using ${using}` };
  }
  if (relationship.kind === 'computed') {
    const cardinality = relationship.toOne ? 'many-to-one' : 'one-to-many';
    return { cardinality, embedding, relationship: `function ${relationship.function.name}` };
  }
  const { constraint, columns, referencing, toOne } = relationship;
  return {
    cardinality: toOne ? (referencing ? 'many-to-one' : 'one-to-one') : 'one-to-many',
    embedding,
    relationship: `${constraint} using ${from.name}${froms(columns)} and ${to.name}${tos(columns)}`,
  };
}

/** Returns `table!name` for each; relationships by one constraint are told apart by their column. */
export function namesOf(found: readonly Relationship[]): string[] {
  const names = found.map(nameOf);
  return found.map((relationship, at) => {
    const name = names[at] as string;
    const isShared = names.some((other, index) => index !== at && other === name);
    const key = isShared && relationship.kind === 'key' ? relationship : undefined;
    const [only, ...more] = key?.columns ?? [];
    return key && only && more.length === 0 ? `${key.to.name}!${key.referencing ? only.from : only.to}` : name;
  });
}

function nameOf(relationship: Relationship): string {
  if (relationship.kind === 'computed') return relationship.function.name;
  const by = relationship.kind === 'junction' ? relationship.junction.name : relationship.constraint;
  return `${relationship.to.name}!${by}`;
}
