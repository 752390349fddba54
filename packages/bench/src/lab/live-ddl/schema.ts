/**
 * A model of the trial's tables. All policies decide by the column `seal` (0 to 7), or by columns that depend on it. Permanent rows from id
 * 900 on, one of each seal, show which seals a role may see. `ver` is the number of the write that wrote the row.
 */
import { KINDS, type Kind, type Types } from './columns.ts';

export interface Table {
  name: string;
  readonly extras: Map<string, Kind>;
  /** Columns that depend on the seal. */
  readonly derived: Readonly<Record<string, { type: string; value(seal: number, schema: Schema): string }>>;
  readonly generated: Map<string, string>;
  readonly key: readonly string[];
  identity: 'full' | 'default' | 'index';
  readonly deferrable: boolean;
  /** Rows are only inserted: Postgres refuses other changes with replica identity full and virtual columns. */
  readonly appended: boolean;
  /** Values of `grp` with a partition; undefined for a table without partitions. */
  readonly parts: Set<number> | undefined;
  /** Partitions that were detached, with the columns that the table had then. */
  readonly detached: Map<number, string>;
  readonly policies: Map<string, string>;
  secured: boolean;
  forced: boolean;
  published: boolean;
  /** Columns that the publication lists; undefined for all. */
  listed: readonly string[] | undefined;
  owner: string | undefined;
  hasChild: boolean;
  /** Rows reference public.groups and are deleted with theirs. */
  readonly grouped: boolean;
  readonly grants: Map<string, 'all' | 'fixed' | 'none'>;
}

export interface Schema extends Types {
  readonly tables: Table[];
  readonly labels: string[];
  /** Seals for which the function public.shows returns true. */
  shown: number[];
  /** Seals for which public.deep returns true; public.deeper calls it by name. */
  deep: number[];
  /** Members of checker_group. */
  readonly groups: Set<string>;
  readonly withoutUsage: Set<string>;
  names: number;
}

export const SEALS = [0, 1, 2, 3, 4, 5, 6, 7];
export const ROLES = ['anon', 'checker_one', 'checker_two'];
export const USERS = {
  u1: { role: 'checker_one', seals: [0, 2, 4] },
  u2: { role: 'checker_one', seals: [1, 3] },
  u3: { role: 'checker_two', seals: [4, 5, 6, 7] },
};
const FIXED = ['id', 'grp', 'seal', 'ver'];

const doc = {
  type: 'jsonb',
  value: (seal: number) => [`null`, `'null'`, `'{"a":null}'`, `'{"a":1}'`][seal % 4] as string,
};
const arr = { type: 'int[]', value: (seal: number) => (seal % 2 ? `'[2:3]={1,2}'` : `'{1,2}'`) };
const label = { type: 'public.label', value: (seal: number, { labels }: Schema) => `'${labels[seal]}'` };

function table(name: string, rest: Partial<Table> = {}, policy?: string): Table {
  return {
    name,
    derived: {},
    key: ['id'],
    identity: 'full',
    deferrable: false,
    appended: false,
    parts: undefined,
    forced: false,
    extras: new Map<string, Kind>([
      ['n', 'int'],
      ['note', 'text'],
    ]),
    generated: new Map(),
    secured: policy !== undefined,
    published: true,
    listed: undefined,
    owner: undefined,
    hasChild: false,
    detached: new Map(),
    grouped: false,
    policies: new Map(policy === undefined ? [] : [['first', policy]]),
    grants: new Map(ROLES.map((role) => [role, 'all'])),
    ...rest,
  };
}

export function firstSchema(): Schema {
  const internal = () => new Map([['internal', '(seal % 2 = 1) virtual']]);
  const using = (text: string) => `for select using (${text})`;
  return {
    moods: ['sad', 'ok', 'happy'],
    fields: 2,
    scores: 100,
    shown: [0, 1, 2, 3],
    deep: [2, 3, 4, 5],
    groups: new Set(),
    withoutUsage: new Set(),
    names: 0,
    labels: SEALS.map((seal) => `seal ${seal}`),
    tables: [
      table('plain'),
      table('twin'),
      table('keyed', { identity: 'default' }),
      table('coded', { identity: 'index' }),
      table('queue', { deferrable: true }),
      table('parted', { key: ['id', 'grp'], parts: new Set([0, 1, 2]) }),
      table('kinds', {
        extras: new Map<string, Kind>([
          ['n', 'numeric'],
          ['mood', 'mood'],
          ['pair', 'pair'],
          ['js', 'json'],
          ['score', 'score'],
        ]),
      }),
      table('virt', { generated: internal(), appended: true }, using('internal is not true')),
      table('lean', { generated: internal(), identity: 'default' }, using('internal is not true')),
      table('sealed', { derived: { doc, arr, label } }, using('doc is null')),
      table('owned', {}, using(`seal::text = any (string_to_array(public.claim('seals'), ','))`)),
      table('membered', {}, using(MEMBER('membered'))),
      table('grouped', { grouped: true }, using('exists (select from public.groups g where g.seal = grouped.seal)')),
    ],
  };
}

export const MEMBER = (name: string) =>
  `exists (select from public.members m where m.seal = ${name}.seal and m.name = public.claim('sub'))`;

export function writtenColumns(table: Table): string[] {
  const code = table.identity === 'index' ? ['code'] : [];
  return [...FIXED, ...code, ...Object.keys(table.derived), ...table.extras.keys()];
}

export const fixedColumns = (table: Table): string[] => [
  ...FIXED,
  ...(table.identity === 'index' ? ['code'] : []),
  ...Object.keys(table.derived),
];

/** Extra columns are null without `extra`. */
export function rowValues(
  table: Table,
  schema: Schema,
  row: { id: number; grp: number; seal: number; ver: number },
  extra: (kind: Kind) => string = () => 'null',
): string {
  const { id, grp, seal, ver } = row;
  const code = table.identity === 'index' ? [id + 1_000] : [];
  const derived = Object.values(table.derived).map(({ value }) => value(seal, schema));
  return `(${[id, grp, seal, ver, ...code, ...derived, ...[...table.extras.values()].map(extra)].join(', ')})`;
}

export function createTable(table: Table, schema: Schema): string {
  const { name, extras, derived, generated, key, identity, deferrable, parts, grouped, owner } = table;
  const columns = [
    `id int, grp int not null, seal int not null${grouped ? ' references groups on delete cascade' : ''}, ver bigint not null`,
    ...(identity === 'index' ? ['code int not null'] : []),
    ...Object.entries(derived).map(([column, { type }]) => `${column} ${type}`),
    ...[...extras].map(([column, kind]) => `${column} ${KINDS[kind].type}`),
    ...[...generated].map(([column, as]) => `${column} ${typeOf(as)} generated always as ${as}`),
    `primary key (${key.join()})${deferrable ? ' deferrable' : ''}`,
  ];
  return [
    `create table ${name} (${columns.join(', ')})${parts ? ' partition by list (grp)' : ''}`,
    ...[...(parts ?? [])].map((grp) => createPart(name, grp)),
    ...(identity === 'index' ? [`create unique index on ${name} (code)`] : []),
    replicaIdentity(table),
    ...(table.secured ? [`alter table ${name} enable row level security`] : []),
    ...(table.forced ? [`alter table ${name} force row level security`] : []),
    ...[...table.policies].map(([policy, text]) => `create policy ${policy} on ${name} ${text}`),
    ...(owner === undefined ? [] : [`alter table ${name} owner to ${owner}`]),
    ...[...table.grants].map(([role, what]) => grant(table, role, what)).filter(Boolean),
    permanentRows(table, schema),
    ...(table.published ? [publish(table)] : []),
  ].join(';\n');
}

export function permanentRows(table: Table, schema: Schema, seals: readonly number[] = SEALS): string {
  const rows = seals.map((seal) => rowValues(table, schema, { id: 900 + seal, grp: 0, seal, ver: 0 }));
  return `insert into ${table.name} (${writtenColumns(table).join()}) values ${rows.join()}`;
}

const typeOf = (as: string) => (as.includes('= 1') || as.includes('> ') ? 'boolean' : 'int');

export const createPart = (name: string, grp: number) =>
  `create table ${name}_${grp} partition of ${name} for values in (${grp}); alter table ${name}_${grp} replica identity full`;

export function replicaIdentity({ name, identity }: Table): string {
  return `alter table ${name} replica identity ${identity === 'index' ? `using index ${name}_code_idx` : identity}`;
}

export function grant(table: Table, role: string, what: 'all' | 'fixed' | 'none'): string {
  if (what === 'none') return '';
  return `grant select ${what === 'fixed' ? `(${fixedColumns(table).join()})` : ''} on ${table.name} to ${role}`;
}

const onlyItself = ({ name, parts }: Table) => (parts ? name : `only ${name}`);

export const publish = (table: Table) =>
  `alter publication tidemark add table ${onlyItself(table)} ${table.listed ? `(${table.listed.join()})` : ''}`;

export const unpublish = (table: Table) => `alter publication tidemark drop table ${onlyItself(table)}`;

/** No catalog records that one function calls the other. */
export const deep = (schema: Schema) => `create or replace function public.deep(seal int) returns boolean
  language plpgsql stable as $$ begin return seal = any ('{${schema.deep.join()}}'::int[]); end $$`;
export const DEEPER = `create function public.deeper(seal int) returns boolean
  language plpgsql stable as $$ begin return public.deep(seal); end $$`;

export const shows = ({ shown }: Schema) => `create or replace function public.shows(seal int) returns boolean
  language sql stable as $$ select seal = any ('{${shown.join()}}'::int[]) $$`;
