import type { Catalog, Column, ColumnRights, Relation, Rights } from '@tidemark/plan';
import { columnSchema, type Schema } from './column-schema.ts';
import { anyOf, jsonContent, parameterRef, parameters, refused, schemaRef, tidemarkHeader } from './components.ts';

export interface Part {
  readonly paths: Record<string, Schema>;
  readonly schemas: Record<string, Schema>;
}

interface Table {
  readonly relation: Relation;
  readonly component: string;
  readonly mayDelete: boolean;
  columns(right: keyof ColumnRights): Column[];
}

export function describeTables(catalog: Catalog, rights: Rights): Part {
  const byName = new Map<string, Table[]>();
  const schemas: Record<string, Schema> = {};
  for (const schema of catalog.schemas) {
    for (const relation of catalog.relations(schema)) {
      const table = toTable(relation, rights);
      if (!table) continue;
      byName.set(relation.name, [...(byName.get(relation.name) ?? []), table]);
      describeRows(schemas, table);
    }
  }
  const paths: Record<string, Schema> = {};
  for (const [name, tables] of byName) {
    const item = describePath(name, tables, catalog.schemas);
    if (item) paths[`/rest/v1/${encodeURIComponent(name)}`] = item;
  }
  return { paths, schemas };
}

function toTable(relation: Relation, rights: Rights): Table | undefined {
  const right = rights.table(relation.schema, relation.name);
  if (!right) return undefined;
  return {
    relation,
    component: componentName(relation.schema, relation.name),
    mayDelete: right.delete && relation.deletable,
    columns: (kind) => [...relation.columns.values()].filter((column) => right.columns.get(column.name)?.[kind]),
  };
}

/** Characters that a component's name may not have become their code, so that names stay distinct. */
export function componentName(schema: string, name: string): string {
  return `${schema}.${name}`.replace(/[^A-Za-z0-9._-]/gu, (character) => `-${character.codePointAt(0)?.toString(16)}-`);
}

function describeRows(schemas: Record<string, Schema>, { relation, component, columns }: Table): void {
  const described = relation.comment ? { description: relation.comment } : {};
  const properties = (list: readonly Column[], more: Schema = {}) =>
    Object.fromEntries(list.map((column) => [column.name, columnSchema(column, more)]));
  const object = (list: readonly Column[], required: readonly Column[], more: Schema = {}) => ({
    type: 'object',
    ...described,
    ...more,
    ...(required.length > 0 ? { required: required.map((column) => column.name) } : {}),
    properties: properties(list),
  });
  const readable = columns('select');
  if (readable.length > 0) {
    schemas[component] = object(
      readable,
      readable.filter((column) => !column.nullable),
    );
  }
  const writable = (list: readonly Column[]) => list.filter((column) => !column.generated);
  const insertable = relation.insertable ? writable(columns('insert')) : [];
  if (insertable.length > 0) {
    const needed = insertable.filter((column) => !column.nullable && !column.hasDefault);
    schemas[`${component}.insert`] = object(insertable, needed, { additionalProperties: false });
  }
  const updatable = relation.updatable ? writable(columns('update')) : [];
  if (updatable.length > 0) {
    schemas[`${component}.update`] = object(updatable, [], { additionalProperties: false, minProperties: 1 });
  }
}

const NAMES_TAKEN = new Set(Object.values(parameters).map((parameter) => String(parameter.name)));

function describePath(name: string, tables: readonly Table[], exposed: readonly string[]): Schema | undefined {
  const filters = filterParameters(tables);
  const comments = tables.flatMap(({ relation }) => relation.comment ?? []);
  const tag = tables.map(({ relation }) => relation.schema).join(', ');
  const operations: Record<string, Schema> = {};
  const add = (method: string, allowed: readonly Table[], operation: (allowed: readonly Table[]) => Schema) => {
    if (allowed.length === 0) return;
    const { parameters: own, responses, ...rest } = operation(allowed) as { parameters: Schema[]; responses: Schema };
    operations[method] = {
      tags: [tag],
      operationId: `${method}.${componentName(allowed[0]!.relation.schema, name)}`,
      ...rest,
      parameters: [...profile(method, allowed, exposed), ...own],
      responses: { ...responses, ...refused },
    };
  };
  const common = ['Prefer', 'IdempotencyKey'].map(parameterRef);
  const having = (kind: keyof ColumnRights) => tables.filter((table) => table.columns(kind).length > 0);
  const readable = having('select');
  const inserts = having('insert').filter(({ relation }) => relation.insertable);
  const updates = having('update').filter(({ relation }) => relation.updatable);

  add('get', readable, (allowed) => ({
    summary: `Rows of ${name}`,
    ...(comments.length > 0 ? { description: comments.join('\n\n') } : {}),
    parameters: [
      ...filters,
      ...['select', 'order', 'limit', 'offset', 'after', 'and', 'or', 'tidemark', 'Prefer', 'Range', 'Tidemark'].map(
        parameterRef,
      ),
    ],
    responses: {
      '200': rowsAnswer('The rows.', allowed),
      '206': rowsAnswer('A part of the rows, of a counted total.', allowed),
      '304': { description: 'Not changed since the ETag that was sent.' },
    },
  }));
  add('post', inserts, (allowed) => ({
    summary: `Insert into ${name}`,
    parameters: [...['select', 'columns', 'onConflict'].map(parameterRef), ...common],
    requestBody: rowsBody(allowed, 'insert', true),
    responses: { '201': written('Inserted.', allowed), '200': written('Merged into rows that were there.', allowed) },
  }));
  add('patch', updates, (allowed) => ({
    summary: `Update rows of ${name}`,
    parameters: [...filters, ...['select', 'columns', 'and', 'or', 'Unfiltered'].map(parameterRef), ...common],
    requestBody: rowsBody(allowed, 'update', false),
    responses: {
      '200': written('Updated; the rows.', allowed),
      '204': { description: 'Updated.', headers: tidemarkHeader },
    },
  }));
  add(
    'delete',
    tables.filter((table) => table.mayDelete),
    (allowed) => ({
      summary: `Delete rows of ${name}`,
      parameters: [...filters, ...['select', 'and', 'or', 'Unfiltered'].map(parameterRef), ...common],
      responses: {
        '200': written('Deleted; the rows.', allowed),
        '204': { description: 'Deleted.', headers: tidemarkHeader },
      },
    }),
  );
  return Object.keys(operations).length > 0 ? operations : undefined;
}

/** Any column can be a filter, except one with the name of a parameter of the grammar. */
function filterParameters(tables: readonly Table[]): Schema[] {
  const columns = new Map(tables.flatMap((table) => table.columns('select').map((column) => [column.name, column])));
  return [...columns.values()]
    .filter((column) => !NAMES_TAKEN.has(column.name))
    .map((column) => ({
      name: column.name,
      in: 'query',
      schema: { type: 'string' },
      description: `Filter by ${column.type}: \`eq.\`, \`gt.\`, \`in.(…)\`, \`is.null\`, \`not.…\`, and so on.${column.comment ? ` ${column.comment}` : ''}`,
    }));
}

/** The header that selects the schema; required for all but the default schema. */
export function profile(
  method: string,
  of: readonly { relation: { schema: string } }[],
  exposed: readonly string[],
): Schema[] {
  const schemas = of.map(({ relation }) => relation.schema);
  if (exposed.length === 1) return [];
  const name = method === 'get' ? 'Accept-Profile' : 'Content-Profile';
  return [
    {
      name,
      in: 'header',
      required: !schemas.includes(exposed[0] as string),
      description: 'The schema.',
      schema: { type: 'string', enum: schemas },
    },
  ];
}

function rowsAnswer(description: string, tables: readonly Table[]): Schema {
  const rows = { type: 'array', items: anyOf(tables.map(({ component }) => schemaRef(component))) };
  return {
    description,
    headers: {
      ...tidemarkHeader,
      'Content-Range': { description: 'First, last and total row.', schema: { type: 'string' } },
      Link: { description: 'With `after`: the next page, `rel="next"`.', schema: { type: 'string' } },
    },
    content: {
      ...jsonContent(rows),
      'text/csv': { schema: { type: 'string' } },
      'application/x-ndjson': { schema: { type: 'string' } },
    },
  };
}

function written(description: string, tables: readonly Table[]): Schema {
  const readable = tables.filter((table) => table.columns('select').length > 0);
  return readable.length > 0 ? rowsAnswer(description, readable) : { description, headers: tidemarkHeader };
}

function rowsBody(tables: readonly Table[], kind: 'insert' | 'update', many: boolean): Schema {
  const row = anyOf(
    tables
      .filter((table) => table.columns(kind).some((column) => !column.generated))
      .map(({ component }) => schemaRef(`${component}.${kind}`)),
  );
  return { required: true, content: jsonContent(many ? { anyOf: [row, { type: 'array', items: row }] } : row) };
}
