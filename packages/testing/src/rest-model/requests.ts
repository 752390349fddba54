/**
 * A random request, and the SQL that has to give the same rows. The SQL is written for this purpose alone: embeds are
 * subqueries in the SELECT list and values are literals, so that it shares no idea with the gateway's plans.
 */
import type { Random } from './random.ts';
import {
  literal,
  type ModelColumn,
  type ModelReference,
  type ModelSchema,
  type ModelTable,
  quoted,
  randomValue,
} from './schema.ts';

export interface ModelRequest {
  readonly method: 'GET' | 'PATCH' | 'DELETE';
  /** Below /rest/v1/. */
  readonly path: string;
  readonly body: string | undefined;
  /** A statement that returns one row with the JSON array of the answer in `body`. */
  readonly sql: string;
}

interface Part {
  readonly pairs: string[];
  readonly select: string[];
  readonly where: string[];
  /** Expressions of the SELECT list with their names. */
  readonly outputs: string[];
  /** Embedded parents, by whose columns the rows can be ordered. */
  readonly parents: Parent[];
}

interface Parent {
  readonly shown: string;
  readonly table: ModelTable;
  value(column: string): string;
}

/** A level of a request is a table, its alias in the SQL, and the path of its parameters. */
interface Place {
  readonly random: Random;
  readonly model: ModelSchema;
  readonly schema: string;
  readonly table: ModelTable;
  readonly alias: string;
  readonly prefix: string;
  readonly depth: number;
}

const MAX_DEPTH = 2;

export function makeRequest(random: Random, model: ModelSchema, schema: string): ModelRequest {
  const table = random.pick(model.tables);
  const writes = !table.isView && random.chance(0.2);
  const place: Place = { random, model, schema, table, alias: 'r0', prefix: '', depth: writes ? MAX_DEPTH : 0 };
  const part = level(place);
  const from = fromSql(place);
  const params = [`select=${part.select.join(',')}`, ...part.pairs];
  const path = (more: readonly string[]) => `${encodeURIComponent(table.name)}?${[...params, ...more].join('&')}`;
  if (writes) return write(place, part, path);
  const order = rootOrder(place, part);
  const limit = random.chance(0.3) ? 1 + random.below(5) : null;
  const offset = random.chance(0.2) ? random.below(4) : null;
  const more = [
    order.pair,
    ...(limit === null ? [] : [`limit=${limit}`]),
    ...(offset === null ? [] : [`offset=${offset}`]),
  ];
  const rows = `select ${part.outputs.join(', ')} from ${from}${whereSql(part.where)} order by ${order.sql}${limit === null ? '' : ` limit ${limit}`}${offset === null ? '' : ` offset ${offset}`}`;
  return {
    method: 'GET',
    path: path(more),
    body: undefined,
    sql: `select coalesce(json_agg(t), '[]')::text as body from (${rows}) t`,
  };
}

function write(place: Place, part: Part, path: (more: readonly string[]) => string): ModelRequest {
  const { random, table, alias } = place;
  const from = fromSql(place);
  const key = random.below(14);
  const filter = [...part.where, `${column(alias, table.key)} <= ${key}`];
  const more = [`${encodeURIComponent(name(table.key))}=lte.${key}`, `order=${encodeURIComponent(name(table.key))}`];
  const target = random.pick(
    table.columns.filter((one) => !one.generated && !['owner', 'parent ref', table.key].includes(one.name)),
  );
  const value = random.chance(0.2) ? null : randomValue(random, target.kind);
  const isDelete = random.chance(0.3);
  const statement = isDelete
    ? `delete from ${from}${whereSql(filter)}`
    : `update ${from} set ${quoted(target.name)} = ${value === null ? 'null' : literal(value)}${whereSql(filter)}`;
  const names = part.outputs.map((output) => output.slice(output.lastIndexOf(' as ') + 4));
  // The order of RETURNING is that of the rows on disk, so that the key is returned beside the answer.
  const written = `${statement} returning ${column(alias, table.key)} as "the key", ${part.outputs.join(', ')}`;
  return {
    method: isDelete ? 'DELETE' : 'PATCH',
    path: path(more),
    body: isDelete ? undefined : `{${JSON.stringify(target.name)}:${bodyValue(target, value)}}`,
    sql: `with w as (${written}) select coalesce(json_agg(t), '[]')::text as body from (select ${names.join(', ')} from w order by "the key") t`,
  };
}

const bodyValue = ({ kind }: ModelColumn, value: string | null): string =>
  value === null ? 'null' : kind === 'text' ? JSON.stringify(value) : value;

function level(place: Place): Part {
  const { random, model, table, alias, depth } = place;
  const part: Part = { pairs: [], select: [], where: [], outputs: [], parents: [] };
  for (const one of random.some(table.columns, 1, 4)) {
    const shown = random.chance(0.3) ? `as_${part.select.length}` : one.name;
    const cast = shown !== one.name && random.chance(0.3) ? 'text' : null;
    part.select.push(
      encodeURIComponent(`${shown === one.name ? '' : `${name(shown)}:`}${name(one.name)}${cast ? `::${cast}` : ''}`),
    );
    const value = cast ? `cast(${column(alias, one.name)} as ${cast})` : column(alias, one.name);
    part.outputs.push(`${value} as ${quoted(shown)}`);
  }
  for (const one of random.some(table.columns, 0, 2)) filter(place, part, one);
  if (depth < MAX_DEPTH) {
    for (const reference of model.references) {
      if (random.chance(0.5)) embed(place, reference, part);
    }
  }
  return part;
}

/** Embeds the parent or the children of a reference by its constraint. */
function embed(place: Place, reference: ModelReference, part: Part): void {
  const { random, model, table, alias, prefix, depth } = place;
  const toParent = reference.child === table.name;
  if (table.isView || (!toParent && reference.parent !== table.name)) return;
  const other = model.tables.find(
    ({ name: of }) => of === (toParent ? reference.parent : reference.child),
  ) as ModelTable;
  const inner = `r${alias.slice(1)}${part.select.length}`;
  const shown = `e${part.select.length}`;
  const path = `${prefix}${shown}.`;
  const inside: Place = { ...place, table: other, alias: inner, prefix: path, depth: depth + 1 };
  const below = level(inside);
  const parentKey = toParent ? other.key : table.key;
  const join = toParent
    ? `${column(inner, parentKey)} = ${column(alias, reference.column)}`
    : `${column(inner, reference.column)} = ${column(alias, parentKey)}`;
  const isInner = random.chance(0.2);
  const order = orderOf(random, other, inner);
  part.select.push(
    `${shown}:${encodeURIComponent(`${name(other.name)}!${name(reference.constraint)}`)}${isInner ? '!inner' : ''}(${below.select.join(',')})`,
  );
  part.pairs.push(...below.pairs);
  const from = fromSql(inside);
  const rows = `select ${below.outputs.join(', ')} from ${from}${whereSql([join, ...below.where])}`;
  if (toParent) {
    part.outputs.push(`(select row_to_json(x) from (${rows}) x) as ${quoted(shown)}`);
    const value = (name: string) => `(select ${column(inner, name)} from ${from}${whereSql([join, ...below.where])})`;
    part.parents.push({ shown, table: other, value });
  } else {
    part.pairs.push(`${path}${order.pair}`);
    part.outputs.push(
      `coalesce((select json_agg(x) from (${rows} order by ${order.sql}) x), '[]') as ${quoted(shown)}`,
    );
  }
  if (isInner) part.where.push(`exists (select 1 from ${from}${whereSql([join, ...below.where])})`);
}

const OPERATORS: Readonly<Record<string, string>> = { eq: '=', neq: '<>', gt: '>', lte: '<=' };

function filter({ random, alias, prefix }: Place, part: Part, one: ModelColumn): void {
  const target = column(alias, one.name);
  const key = prefix + encodeURIComponent(name(one.name));
  const not = random.chance(0.2);
  const negated = (sql: string) => part.where.push(not ? `not (${sql})` : sql);
  const pair = (text: string) => part.pairs.push(`${key}=${not ? 'not.' : ''}${text}`);
  const kind = random.below(3);
  if (kind === 0 || one.kind === 'json') {
    pair('is.null');
    negated(`${target} is null`);
  } else if (kind === 1) {
    const values = [randomValue(random, one.kind), randomValue(random, one.kind)];
    pair(
      `in.(${values.map((value) => encodeURIComponent(`"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)).join(',')})`,
    );
    negated(`${target} in (${values.map(literal).join(', ')})`);
  } else {
    const operator = random.pick(Object.keys(OPERATORS));
    const value = randomValue(random, one.kind);
    pair(`${operator}.${encodeURIComponent(value)}`);
    negated(`${target} ${OPERATORS[operator]} ${literal(value)}`);
  }
}

/** Some rows are ordered by a column of an embedded parent first. */
function rootOrder({ random, table, alias }: Place, { parents }: Part): { pair: string; sql: string } {
  const order = orderOf(random, table, alias);
  if (parents.length === 0 || random.chance(0.6)) return order;
  const parent = random.pick(parents);
  const by = random.pick(comparable(parent.table)).name;
  const term = encodeURIComponent(`${parent.shown}(${name(by)})`);
  return { pair: order.pair.replace('order=', `order=${term}.asc,`), sql: `${parent.value(by)} asc, ${order.sql}` };
}

const comparable = ({ columns }: ModelTable) => columns.filter(({ kind }) => kind !== 'json');

/** The key comes last, so that the order is one. */
function orderOf(random: Random, table: ModelTable, alias: string): { pair: string; sql: string } {
  const first = random.chance(0.5) ? random.pick(comparable(table)) : undefined;
  const terms = [...(first ? [first.name] : []), table.key];
  const down = random.chance(0.5);
  const direction = down ? '.desc' : '.asc';
  return {
    pair: `order=${terms.map((term) => `${encodeURIComponent(name(term))}${direction}`).join(',')}`,
    sql: terms.map((term) => `${column(alias, term)}${down ? ' desc' : ' asc'}`).join(', '),
  };
}

const whereSql = (conditions: readonly string[]): string =>
  conditions.length > 0 ? ` where ${conditions.join(' and ')}` : '';
const fromSql = ({ schema, table, alias }: Place): string => `${quoted(schema)}.${quoted(table.name)} ${alias}`;
const column = (alias: string, of: string): string => `${alias}.${quoted(of)}`;

/** A name in the grammar of the query string, quoted where it has characters with a meaning. */
const name = (of: string): string =>
  /^[\p{L}\p{N}_]+$/u.test(of) ? of : `"${of.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
