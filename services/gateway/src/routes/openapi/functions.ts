import type { Argument, Catalog, Rights, Routine } from '@tidemark/plan';
import { type Schema, typeSchema } from './column-schema.ts';
import { anyOf, jsonContent, parameterRef, refused, schemaRef, tidemarkHeader } from './components.ts';
import { componentName, profile } from './tables.ts';

export function describeFunctions(catalog: Catalog, rights: Rights, known: Readonly<Record<string, Schema>>) {
  const byName = new Map<string, Routine[]>();
  for (const schema of catalog.schemas) {
    for (const routine of catalog.allRoutines(schema)) {
      const types = routine.args.map((argument) => argument.type);
      if (!rights.mayCall(schema, routine.name, types)) continue;
      byName.set(routine.name, [...(byName.get(routine.name) ?? []), routine]);
    }
  }
  const paths: Record<string, Schema> = {};
  for (const [name, routines] of byName) {
    const reads = routines.filter((routine) => routine.volatility !== 'volatile' && routine.args.every(isNamed));
    paths[`/rest/v1/rpc/${encodeURIComponent(name)}`] = {
      ...(reads.length > 0 ? { get: describeCall('get', name, reads, catalog.schemas, known) } : {}),
      post: describeCall('post', name, routines, catalog.schemas, known),
    };
  }
  return paths;
}

const isNamed = (argument: Argument) => argument.name !== '';

function describeCall(
  method: 'get' | 'post',
  name: string,
  routines: readonly Routine[],
  exposed: readonly string[],
  known: Readonly<Record<string, Schema>>,
): Schema {
  const comments = routines.flatMap((routine) => routine.comment ?? []);
  const schemas = [...new Set(routines.map((routine) => routine.schema))];
  const valued = routines.filter((routine) => !routine.returnsVoid);
  return {
    tags: ['functions'],
    operationId: `${method}.rpc.${componentName(schemas[0] as string, name)}`,
    summary: `Call ${name}`,
    ...(comments.length > 0 ? { description: comments.join('\n\n') } : {}),
    parameters: [
      ...profile(
        method,
        schemas.map((schema) => ({ relation: { schema } })),
        exposed,
      ),
      ...(method === 'get' ? queryArguments(routines) : []),
      ...['select', 'Prefer', 'Tidemark'].map(parameterRef),
    ],
    ...(method === 'post' ? { requestBody: { content: jsonContent(anyOf(unique(routines.map(bodySchema)))) } } : {}),
    responses: {
      ...(valued.length > 0
        ? {
            '200': {
              description: 'The result.',
              headers: tidemarkHeader,
              content: jsonContent(anyOf(unique(valued.map((routine) => resultSchema(routine, known))))),
            },
          }
        : {}),
      ...(valued.length < routines.length ? { '204': { description: 'Done.', headers: tidemarkHeader } } : {}),
      ...refused,
    },
  };
}

/** An argument is required where all overloads require it. */
function queryArguments(routines: readonly Routine[]): Schema[] {
  const taken = new Set(['select']);
  const byName = new Map<string, Argument[]>();
  for (const argument of routines.flatMap((routine) => routine.args)) {
    if (!taken.has(argument.name)) byName.set(argument.name, [...(byName.get(argument.name) ?? []), argument]);
  }
  return [...byName].map(([name, all]) => ({
    name,
    in: 'query',
    required: all.length === routines.length && all.every((one) => !one.hasDefault && !one.variadic),
    description: `of type ${[...new Set(all.map((one) => one.type))].join(' or ')}`,
    schema: { type: 'string' },
  }));
}

function bodySchema(routine: Routine): Schema {
  const [only] = routine.args;
  // A single argument without a name takes the whole body.
  if (routine.args.length === 1 && only && !isNamed(only)) return typeSchema(only.type);
  const required = routine.args.filter((argument) => !argument.hasDefault && !argument.variadic);
  return {
    type: 'object',
    ...(required.length > 0 ? { required: required.map((argument) => argument.name) } : {}),
    properties: Object.fromEntries(routine.args.filter(isNamed).map(({ name, type }) => [name, typeSchema(type)])),
  };
}

function resultSchema(routine: Routine, known: Readonly<Record<string, Schema>>): Schema {
  const { resultRelation: relation, resultColumns, returnsSet } = routine;
  const component = relation ? componentName(relation.schema, relation.name) : '';
  const one =
    component in known
      ? schemaRef(component)
      : resultColumns
        ? { type: 'object', properties: Object.fromEntries(resultColumns.map((column) => [column, {}])) }
        : typeSchema(routine.returnType);
  return returnsSet ? { type: 'array', items: one } : one;
}

function unique(schemas: readonly Schema[]): Schema[] {
  return [...new Map(schemas.map((schema) => [JSON.stringify(schema), schema])).values()];
}
