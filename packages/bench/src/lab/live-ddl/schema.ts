/**
 * The tables of the trial, as the driver of the changes keeps them in mind. Each row says by `seal` (0 to 7) who may see it: whatever the
 * policies are, they decide by it, or by columns that follow from it. Rows from id 900 on, one of each seal, are never changed: by
 * which of them a role sees, the trial knows which rows it may see. `ver` is the number of the write that made the row what it is.
 */
import { KINDS, type Kind, type Types } from './columns.ts';

export interface Table {
  name: string;
  readonly extras: Map<string, Kind>;
  /** Columns that follow from the seal. */
  readonly derived: Readonly<Record<string, { type: string; value(seal: number, schema: Schema): string }>>;
  /** Columns that Postgres computes, with their expressions. */
  readonly generated: Map<string, string>;
  readonly key: readonly string[];
  identity: 'full' | 'default' | 'index';
  readonly deferrable: boolean;
  /** Rows are only inserted: Postgres refuses other changes where an identity of whole rows has virtual columns. */
  readonly appended: boolean;
  /** Values of `grp` that have a partition now; undefined where the table is a plain one. */
  readonly parts: Set<number> | undefined;
  /** By name: what stands between `create policy … on …` and the end. */
  readonly policies: Map<string, string>;
  secured: boolean;
  forced: boolean;
  published: boolean;
  /** Columns that the publication lists; undefined: all. */
  listed: readonly string[] | undefined;
  /** The role that owns it; undefined: who made it. */
  owner: string | undefined;
  /** Another table inherits from it. */
  hasHeir: boolean;
  /** Rows refer to public.groups, and go with theirs. */
  readonly grouped: boolean;
  readonly grants: Map<string, 'all' | 'fixed' | 'none'>;
}

export interface Schema extends Types {
  readonly tables: Table[];
  /** Labels of public.label, one for each seal. */
  readonly labels: string[];
  /** Seals that the function public.shows lets through. */
  shown: number[];
  /** Seals that public.deep lets through, which public.deeper calls by its name. */
  deep: number[];
  /** Roles that are in checker_group. */
  readonly groups: Set<string>;
  /** Roles that may not use the schema public. */
  readonly shutOut: Set<string>;
  /** Names that were made up. */
  names: number;
}

export const SEALS = [0, 1, 2, 3, 4, 5, 6, 7];
export const ROLES = ['anon', 'checker_one', 'checker_two'];
/** The users who have claims; `seals` is what policies over claims let them see. */
export const USERS = {
  u1: { role: 'checker_one', seals: [0, 2, 4] },
  u2: { role: 'checker_one', seals: [1, 3] },
  u3: { role: 'checker_two', seals: [4, 5, 6, 7] },
};
/** Columns that stay as they are. */
const FIXED = ['id', 'grp', 'seal', 'ver'];

const doc = {
  type: 'jsonb',
  value: (seal: number) => [`null`, `'null'`, `'{"a":null}'`, `'{"a":1}'`][seal % 4] as string,
};
const arr = { type: 'int[]', value: (seal: number) => (seal % 2 ? `'[2:3]={1,2}'` : `'{1,2}'`) };
const label = { type: 'public.label', value: (seal: number, { labels }: Schema) => `'${labels[seal]}'` };

function table(name: string, rest: Partial<Table> = {}, policy?: string): Table {
  return {
    ...{
      name,
      derived: {},
      key: ['id'],
      identity: 'full',
      deferrable: false,
      appended: false,
      parts: undefined,
      forced: false,
    },
    ...{
      extras: new Map<string, Kind>([
        ['n', 'int'],
        ['note', 'text'],
      ]),
      generated: new Map(),
    },
    secured: policy !== undefined,
    published: true,
    listed: undefined,
    owner: undefined,
    hasHeir: false,
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
    shutOut: new Set(),
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

/** Names of the columns that a statement writes. */
export function writtenColumns(table: Table): string[] {
  const code = table.identity === 'index' ? ['code'] : [];
  return [...FIXED, ...code, ...Object.keys(table.derived), ...table.extras.keys()];
}

export const fixedColumns = (table: Table): string[] => [
  ...FIXED,
  ...(table.identity === 'index' ? ['code'] : []),
  ...Object.keys(table.derived),
];

/** The values of a row, one for each of `writtenColumns`; without `extra` those of extra columns are null. */
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

/** The table with everything that belongs to it, and the rows that stay. */
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
    witnesses(table, schema),
    ...(table.published ? [publish(table)] : []),
  ].join(';\n');
}

/** The rows that stay. */
export function witnesses(table: Table, schema: Schema, seals: readonly number[] = SEALS): string {
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

/** Without what inherits from it. */
const alone = ({ name, parts }: Table) => (parts ? name : `only ${name}`);

export const publish = (table: Table) =>
  `alter publication tidemark add table ${alone(table)} ${table.listed ? `(${table.listed.join()})` : ''}`;

export const unpublish = (table: Table) => `alter publication tidemark drop table ${alone(table)}`;

/** No catalog tells that one function calls the other. */
export const deep = (schema: Schema) => `create or replace function public.deep(seal int) returns boolean
  language plpgsql stable as $$ begin return seal = any ('{${schema.deep.join()}}'::int[]); end $$`;
export const DEEPER = `create function public.deeper(seal int) returns boolean
  language plpgsql stable as $$ begin return public.deep(seal); end $$`;

export const shows = ({ shown }: Schema) => `create or replace function public.shows(seal int) returns boolean
  language sql stable as $$ select seal = any ('{${shown.join()}}'::int[]) $$`;
