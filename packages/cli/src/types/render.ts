/** Renders the catalog as a `Database` type for postgrest-js, supabase-js and @tidemark/client. */
import type { Catalog, Column, Relation, Routine } from '@tidemark/plan';
import { type CompositeType, type EnumType, type OwnType, type ResultColumn, resultKey } from './type-names.ts';
import { type TypeScope, typescriptType, unionOf } from './typescript-type.ts';

export interface RenderInput {
  catalog: Catalog;
  own: ReadonlyMap<string, OwnType>;
  resultColumns: ReadonlyMap<string, readonly ResultColumn[]>;
}

const HEAD = `/** Generated from the database by \`tidemark types\`: generate it again after a migration, do not edit it. */
export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];
`;

export function renderTypes({ catalog, own, resultColumns }: RenderInput): string {
  const scope: TypeScope = { own, schemas: catalog.schemas };
  const types = [...own.values()];
  const schemas = catalog.schemas.map((schema) => {
    const relations = catalog.relations(schema);
    const render = (relation: Relation) => renderRelation(relation, catalog, scope);
    const enums = types.filter((type) => type.kind === 'enum' && type.schema === schema) as EnumType[];
    const composites = types.filter((type) => type.kind === 'composite' && type.schema === schema) as CompositeType[];
    return entry(
      schema,
      block([
        entry(
          'Tables',
          group(
            relations.filter((r) => !isView(r)),
            render,
          ),
        ),
        entry('Views', group(relations.filter(isView), render)),
        entry('Functions', renderFunctions(catalog.allRoutines(schema), resultColumns, scope)),
        entry(
          'Enums',
          group(enums, (type) => unionOf(type.values)),
        ),
        entry(
          'CompositeTypes',
          group(composites, (type) => renderComposite(type, scope)),
        ),
      ]),
    );
  });
  return `${HEAD}\nexport interface Database ${block(schemas)}\n`;
}

const isView = (relation: Relation) => relation.kind === 'view' || relation.kind === 'materialized view';

function renderRelation(relation: Relation, catalog: Catalog, scope: TypeScope): string {
  const columns = [...relation.columns.values()];
  const isTable = relation.kind.endsWith('table');
  // Postgres does not know which columns of a view are never null.
  const type = (column: Column) => typescriptType(column.type, scope) + (column.nullable || !isTable ? ' | null' : '');
  const members = [entry('Row', block(columns.map((column) => entry(column.name, type(column), column.comment))))];
  if (relation.insertable) {
    const isOptional = (column: Column) => column.nullable || column.hasDefault || column.generated || !isTable;
    const written = (column: Column) => (column.generated ? 'never' : type(column));
    members.push(entry('Insert', block(columns.map((c) => entry(c.name, written(c), null, isOptional(c))))));
    members.push(entry('Update', block(columns.map((c) => entry(c.name, written(c), null, true)))));
  }
  members.push(entry('Relationships', renderRelationships(relation, catalog)));
  return block(members);
}

function renderRelationships(relation: Relation, catalog: Catalog): string {
  const found = catalog.relationships(relation).flatMap((relationship) => {
    if (relationship.kind !== 'key' || !relationship.referencing) return [];
    const back = catalog
      .relationships(relationship.to)
      .find(
        (r) =>
          r.kind === 'key' && !r.referencing && r.constraint === relationship.constraint && r.to.name === relation.name,
      );
    return [
      block([
        entry('foreignKeyName', JSON.stringify(relationship.constraint)),
        entry('columns', list(relationship.columns.map((pair) => pair.from))),
        entry('isOneToOne', String(back?.toOne ?? false)),
        entry('referencedRelation', JSON.stringify(relationship.to.name)),
        entry('referencedColumns', list(relationship.columns.map((pair) => pair.to))),
      ]),
    ];
  });
  return found.length === 0 ? '[]' : `[\n${found.map((one) => indent(`${one},`)).join('\n')}\n]`;
}

function renderFunctions(
  routines: readonly Routine[],
  columns: RenderInput['resultColumns'],
  scope: TypeScope,
): string {
  const named = [...groupByName(routines)].map(([name, overloads]) => ({ name, overloads }));
  return group(named, ({ overloads }) => overloads.map((one) => renderFunction(one, columns, scope)).join(' | '));
}

function groupByName(routines: readonly Routine[]): Map<string, Routine[]> {
  const byName = new Map<string, Routine[]>();
  for (const routine of routines) byName.set(routine.name, [...(byName.get(routine.name) ?? []), routine]);
  return byName;
}

function renderFunction(routine: Routine, columns: RenderInput['resultColumns'], scope: TypeScope): string {
  const named = routine.args.filter((arg) => arg.name !== '');
  const args = named.map((arg) => entry(arg.name, typescriptType(arg.type, scope), null, arg.hasDefault));
  return block([
    entry('Args', named.length === 0 ? 'Record<PropertyKey, never>' : block(args)),
    entry('Returns', resultType(routine, columns, scope)),
  ]);
}

function resultType(routine: Routine, columns: RenderInput['resultColumns'], scope: TypeScope): string {
  const known = routine.resultColumns && columns.get(resultKey(routine.schema, routine.name, routine.resultColumns));
  const one = known
    ? block(known.map((column) => entry(column.name, typescriptType(column.type, scope))))
    : typescriptType(routine.returnType, scope);
  return routine.returnsSet ? `${one.includes(' | ') && !known ? `(${one})` : one}[]` : one;
}

function renderComposite(type: CompositeType, scope: TypeScope): string {
  const member = (attribute: ResultColumn) => `${typescriptType(attribute.type, scope)} | null`;
  return block(type.attributes.map((attribute) => entry(attribute.name, member(attribute))));
}

function group<Item extends { name: string }>(items: readonly Item[], render: (item: Item) => string): string {
  if (items.length === 0) return 'Record<never, never>';
  return block(items.map((item) => entry(item.name, render(item))));
}

const isPlain = /^[A-Za-z_$][A-Za-z0-9_$]*$/;

function entry(name: string, type: string, comment: string | null = null, optional = false): string {
  const note = comment ? `/** ${comment.replaceAll('*/', '*\\/').replace(/\s+/g, ' ')} */\n` : '';
  return `${note}${isPlain.test(name) ? name : JSON.stringify(name)}${optional ? '?' : ''}: ${type};`;
}

const block = (entries: readonly string[]): string =>
  entries.length === 0 ? '{}' : `{\n${entries.map(indent).join('\n')}\n}`;
const list = (names: readonly string[]): string => `[${names.map((name) => JSON.stringify(name)).join(', ')}]`;
const indent = (text: string): string => text.replace(/^/gm, '  ');
