import { KINDS, type Kind } from './columns.ts';
import {
  createPart,
  createTable,
  permanentRows,
  publish,
  replicaIdentity,
  rowValues,
  type Table,
  unpublish,
  writtenColumns,
} from './schema.ts';
import { type DrawStep, one, type Step } from './step.ts';

const NAMES = ['n', 'note', 'a', 'b', 'c', '__proto__'];
const NEW_KINDS = Object.keys(KINDS) as Kind[];
const quoted = (name: string) => `"${name}"`;

const addColumn: DrawStep = (random, schema, { name, extras }) => {
  const column = NAMES.find((one) => !extras.has(one));
  if (column === undefined) return undefined;
  const kind = column === 'n' ? 'int' : column === 'note' ? 'text' : random.of(NEW_KINDS);
  const { type, value } = KINDS[kind];
  extras.set(column, kind);
  const text = value(random, schema);
  const isConstant = !text.startsWith('(select');
  const fill =
    random.chance(0.3) || !isConstant ? '' : ` default ${kind === 'moment' && random.chance(0.5) ? 'now()' : text}`;
  return one(`alter table ${name} add column ${quoted(column)} ${type}${fill}`);
};

const dropColumn: DrawStep = (random, _, { name, extras }) => {
  if (extras.size === 0) return undefined;
  const column = random.of([...extras.keys()]);
  extras.delete(column);
  return one(`alter table ${name} drop column ${quoted(column)} cascade`);
};

const renameColumn: DrawStep = (random, _, { name, extras }) => {
  if (extras.size === 0) return undefined;
  const [from, kind] = random.of([...extras]);
  const [to, other] = random.chance(0.5) ? random.of([...extras]) : ['moved', undefined];
  if (to === from) return undefined;
  if (other === undefined && extras.has(to)) return undefined;
  const rename = (a: string, b: string) => `alter table ${name} rename column ${quoted(a)} to ${quoted(b)}`;
  extras.delete(from);
  extras.set(to, kind);
  if (other === undefined) return one(rename(from, to));
  extras.set(from, other);
  return one(rename(from, 'between'), rename(to, from), rename('between', to));
};

const retypeColumn: DrawStep = (random, _, { name, extras }) => {
  const able = [...extras].filter(([, kind]) => KINDS[kind].retypes.length > 0);
  if (able.length === 0) return undefined;
  const [column, kind] = random.of(able);
  const [to, using] = random.of(KINDS[kind].retypes);
  extras.set(column, to);
  const by = using === '' ? '' : ` using ${using.replaceAll('$', quoted(column))}`;
  const alter = `alter table ${name} alter column ${quoted(column)}`;
  return one(`${alter} drop default`, `${alter} type ${KINDS[to].type}${by}`);
};

const setDefault: DrawStep = (random, schema, { name, extras }) => {
  const able = [...extras].filter(([, kind]) => kind === 'int' || kind === 'bool');
  if (able.length === 0) return undefined;
  const [column, kind] = random.of(able);
  return one(`alter table ${name} alter column ${quoted(column)} set default ${KINDS[kind].value(random, schema)}`);
};

const EXPRESSIONS = ['(seal % 2 = 1)', '(seal > 3)', '(seal > 5)', '(seal > 0)'];
const setExpression: DrawStep = (random, _, table) => {
  const { name, generated } = table;
  const factor = 2 + random.int(3);
  if (generated.get('twice')?.endsWith('stored')) {
    generated.set('twice', `(seal * ${factor}) stored`);
    return one(`alter table ${name} alter column twice set expression as (seal * ${factor})`);
  }
  if (!generated.has('internal')) return undefined;
  const expression = random.of(EXPRESSIONS);
  generated.set('internal', `${expression} virtual`);
  const alter = `alter table ${name} alter column internal set expression as ${expression}`;
  // Postgres refuses it for a virtual column of a published table.
  return table.published ? one(unpublish(table), alter, publish(table)) : one(alter);
};

const addComputed: DrawStep = (random, _, { name, generated, identity }) => {
  if (generated.has('twice')) return undefined;
  // Postgres refuses writes to a table with replica identity full and a virtual column.
  const as = `(seal * ${2 + random.int(3)}) ${identity === 'full' ? 'stored' : random.of(['stored', 'virtual'])}`;
  generated.set('twice', as);
  return one(`alter table ${name} add column twice int generated always as ${as}`);
};

const dropComputed: DrawStep = (_, __, { name, generated }) => {
  if (!generated.delete('twice')) return undefined;
  return one(`alter table ${name} drop column twice`);
};

/** The table is dropped and made again in one transaction or two. */
const recreate: DrawStep = (random, schema, table) => {
  const { name, key } = table;
  const fill = Array.from({ length: random.int(3) }, (_, n) => {
    const row = { id: 10 * n, grp: 0, seal: random.int(8), ver: 0 };
    return `insert into ${name} (${writtenColumns(table).join()}) values ${rowValues(table, schema, row)}`;
  });
  table.hasChild = false;
  table.detached.clear();
  const drop = `drop table ${name} cascade${key.length > 1 ? partsDropped(table) : ''}`;
  const create = [createTable(table, schema), ...fill];
  return random.chance(0.7) ? one(drop, ...create) : { transactions: [drop, create.join('; ')] };
};

/** Detached partitions would keep their names. */
const partsDropped = ({ name, parts }: Table) =>
  `; drop table if exists ${
    [0, 1, 2]
      .filter((grp) => !parts?.has(grp))
      .map((grp) => `${name}_${grp}`)
      .join() || 'public.none'
  }`;

const swapTables: DrawStep = (random, { tables }) => {
  const [plain, twin] = ['plain', 'twin'].map((name) => tables.find((table) => table.name === name));
  if (!plain || !twin) return undefined;
  plain.name = 'twin';
  twin.name = 'plain';
  const swap = [
    'alter table plain rename to between',
    'alter table twin rename to plain',
    'alter table between rename to twin',
  ];
  return random.chance(0.7) ? one(...swap) : { transactions: swap };
};

const renameAway: DrawStep = (random, _, { name }): Step => {
  const away = `alter table ${name} rename to away`;
  const back = `alter table away rename to ${name}`;
  return random.chance(0.5) ? one(away, back) : { transactions: [away, back] };
};

const truncate: DrawStep = (_, schema, table) => {
  const { name } = table;
  return one(`truncate ${name}`, permanentRows(table, schema));
};

/** Columns of a partition must be those of its table. */
const columnsOf = ({ extras, generated }: Table) => JSON.stringify([[...extras].sort(), [...generated].sort()]);

const detachPart: DrawStep = (random, _, table) => {
  const { name, parts } = table;
  const able = [...(parts ?? [])].filter((grp) => grp !== 0);
  if (!parts || able.length === 0) return undefined;
  const part = random.of(able);
  const detach = `alter table ${name} detach partition ${name}_${part}`;
  const attach = `alter table ${name} attach partition ${name}_${part} for values in (${part})`;
  const change = `delete from ${name}_${part} where id % 3 = 0`;
  if (random.chance(0.4))
    return random.chance(0.5) ? one(detach, change, attach) : { transactions: [detach, change, attach] };
  parts.delete(part);
  table.detached.set(part, columnsOf(table));
  return one(detach);
};

const attachPart: DrawStep = (random, _, table) => {
  const { name, parts, detached } = table;
  const part = [1, 2].find((grp) => parts && !parts.has(grp));
  if (part === undefined) return undefined;
  parts?.add(part);
  const isNew = random.chance(0.3) || detached.get(part) !== columnsOf(table);
  if (isNew) return one(`drop table if exists ${name}_${part}`, createPart(name, part));
  return one(`alter table ${name} attach partition ${name}_${part} for values in (${part})`);
};

const emptyPart: DrawStep = (random, _, { name, parts }) => {
  const able = [...(parts ?? [])].filter((grp) => grp !== 0);
  if (able.length === 0) return undefined;
  const part = random.of(able);
  if (random.chance(0.5)) return one(`truncate ${name}_${part}`);
  return one(`drop table ${name}_${part}`, createPart(name, part));
};

const setIdentity: DrawStep = (_, __, table) => {
  if (!['plain', 'keyed', 'owned'].includes(table.name)) return undefined;
  // A publication's column list must include the columns of the replica identity.
  if (table.listed) return undefined;
  // Postgres refuses updates of a published table with replica identity full and unpublished generated columns.
  if (table.generated.size > 0) return undefined;
  table.identity = table.identity === 'full' ? 'default' : 'full';
  return one(replicaIdentity(table));
};

/** SELECTs of a table include the rows of its children, its changes do not. */
const inherit: DrawStep = (random, _, table) => {
  const { name } = table;
  if (table.parts || table.appended || table.identity !== 'full') return undefined;
  const drop = `drop table ${name}_child`;
  if (table.hasChild) {
    table.hasChild = false;
    return one(drop);
  }
  // The child's name would not follow the swap of these tables.
  if (name === 'plain' || name === 'twin') return undefined;
  const columns = writtenColumns(table).map(quoted).join();
  const create = [
    `create table ${name}_child () inherits (${name})`,
    `insert into ${name}_child (${columns}) select ${columns} from ${name} where id < ${random.int(20)}`,
  ];
  if (random.chance(0.5)) return { transactions: [create.join('; '), drop] };
  table.hasChild = true;
  return one(...create);
};

export const shapeSteps = {
  addColumn,
  dropColumn,
  renameColumn,
  retypeColumn,
  setDefault,
  setExpression,
  addComputed,
  dropComputed,
  recreate,
  swapTables,
  renameAway,
  truncate,
  detachPart,
  attachPart,
  emptyPart,
  setIdentity,
  inherit,
};
