/**
 * Hints are computed from the rights of the caller's role, because they must not reveal a name that it has no right
 * to.
 */
import { TidemarkError } from '@tidemark/contracts';
import { postgrest, type SearchedFunction } from '../errors.ts';
import type { Catalog, Relation, Relationship, Routine } from './catalog.ts';
import { describeRelationship, namesOf } from './describe-relationship.ts';
import { nearest } from './nearest.ts';
import type { Rights } from './rights.ts';

type Suggest = (rights: Rights) => TidemarkError | undefined;

const suggestions = new WeakMap<Error, Suggest>();

function suggesting(error: TidemarkError, suggest: Suggest): TidemarkError {
  suggestions.set(error, suggest);
  return error;
}

/** Errors that wrap another one keep their details. */
export function suggestionFor(error: unknown): Suggest | undefined {
  for (let inner = error; inner instanceof Error; inner = inner.cause) {
    const suggest = suggestions.get(inner);
    if (suggest === undefined) continue;
    if (inner === error || !(error instanceof TidemarkError)) return suggest;
    return (rights) => withHint(error, suggest(rights)?.hint);
  }
  return undefined;
}

function withHint(error: TidemarkError, hint: string | null | undefined): TidemarkError | undefined {
  if (typeof hint !== 'string') return undefined;
  const { code, status, message, details, publicMessage, publicDetails } = error;
  return new TidemarkError({ code, status, message, details, publicMessage, publicDetails, hint }, { cause: error });
}

const visible = (rights: Rights, { schema, name }: { schema: string; name: string }): boolean =>
  rights.table(schema, name) !== undefined;

export function unknownColumn(relation: Relation | null, alias: string, column: string): TidemarkError {
  const of = relation?.name ?? alias;
  return suggesting(postgrest['42703']({ relation: of, column }), (rights) => {
    const columns = relation && rights.table(relation.schema, relation.name)?.columns;
    if (!columns) return undefined;
    const usable = [...columns].filter(([, { select, insert, update }]) => select || insert || update);
    const suggestion = nearest(
      column,
      usable.map(([name]) => name),
    );
    return suggestion === undefined ? undefined : postgrest['42703']({ relation: of, column, suggestion });
  });
}

export function unknownTable(catalog: Catalog, schema: string, name: string): TidemarkError {
  return suggesting(postgrest.PGRST205({ schema, name }), (rights) => {
    const tables = catalog.relations(schema).filter((relation) => visible(rights, relation));
    const suggestion = nearest(
      name,
      tables.map((relation) => relation.name),
    );
    return suggestion === undefined ? undefined : postgrest.PGRST205({ schema, name, suggestion });
  });
}

export function unknownFunction(catalog: Catalog, searched: SearchedFunction) {
  const { schema, name } = searched;
  return suggesting(postgrest.PGRST202(searched), (rights) => {
    const callable = catalog.allRoutines(schema).filter((routine) => mayCall(rights, routine));
    const near = nearest(
      name,
      callable.map((routine) => routine.name),
    );
    const found = callable.find((routine) => routine.name === name) ?? callable.find(({ name: of }) => of === near);
    return found && postgrest.PGRST202({ ...searched, suggestion: signature(found) });
  });
}

export function ambiguousFunction(fitting: readonly Routine[]): TidemarkError {
  return suggesting(postgrest.PGRST203({ choices: [] }), (rights) => {
    const choices = fitting.filter((routine) => mayCall(rights, routine)).map(signature);
    return choices.length === 0 ? undefined : postgrest.PGRST203({ choices });
  });
}

interface Embedding {
  parent: string;
  child: string;
  schema: string;
  hint: string | null;
}

export function unknownRelationship({ parent, child, schema, hint }: Embedding, all: readonly Relationship[]) {
  const params = { parent, child, schema, ...(hint === null ? {} : { hint }) };
  return suggesting(postgrest.PGRST200(params), (rights) => {
    const near = all.filter((relationship) => visible(rights, relationship.to));
    // The name is right, so the request's hint is wrong: the names that tell the relationships apart help.
    const found = near.filter(({ to }) => to.name === child);
    if (found.length > 0) return postgrest.PGRST200({ ...params, choices: namesOf(found) });
    const suggestion = nearest(
      child,
      near.map(({ to }) => to.name),
    );
    return suggestion === undefined ? undefined : postgrest.PGRST200({ ...params, suggestion });
  });
}

export function ambiguousRelationship(
  { parent, child }: Pick<Embedding, 'parent' | 'child'>,
  found: readonly Relationship[],
): TidemarkError {
  return suggesting(postgrest.PGRST201({ parent, child, choices: [] }), (rights) => {
    const near = found.filter(
      (relationship) =>
        visible(rights, relationship.to) &&
        (relationship.kind !== 'junction' || visible(rights, relationship.junction)),
    );
    if (near.length === 0) return undefined;
    return postgrest.PGRST201({ parent, child, choices: namesOf(near), found: near.map(describeRelationship) });
  });
}

const mayCall = (rights: Rights, { schema, name, args }: Routine): boolean =>
  rights.mayCall(
    schema,
    name,
    args.map(({ type }) => type),
  );

const signature = ({ schema, name, args }: Routine) =>
  `${schema}.${name}(${args.map((argument) => `${argument.name} => ${argument.type}`).join(', ')})`;
