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
  readonly grants: Map<string, 'all' | 'fixed' | 'none'>;
}

export interface Schema extends Types {
  readonly tables: Table[];
  /** Labels of public.label, one for each seal. */
  readonly labels: string[];
  /** Seals that the function public.shows lets through. */
  shown: number[];
  /** Roles that are in checker_group. */
  readonly groups: Set<string>;
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
    ...{ secured: policy !== undefined, published: true, listed: undefined },
    policies: new Map(policy === undefined ? [] : [['first', policy]]),
    grants: new Map(ROLES.map((role) => [role, 'all'])),
    ...rest,
  };
}

export function firstSchema(): Schema {
  const internal = () => new Map([['internal', '(seal % 2 = 1) virtual']]);
  const using = (text: string) => `for select using (${text})`;
  return {
    ...{ moods: ['sad', 'ok', 'happy'], fields: 2, scores: 100, shown: [0, 1, 2, 3], groups: new Set(), names: 0 },
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
  const { name, extras, derived, generated, key, identity, deferrable, parts } = table;
  const columns = [
    'id int, grp int not null, seal int not null, ver bigint not null',
    ...(identity === 'index' ? ['code int not null'] : []),
    ...Object.entries(derived).map(([column, { type }]) => `${column} ${type}`),
    ...[...extras].map(([column, kind]) => `${column} ${KINDS[kind].type}`),
    ...[...generated].map(([column, as]) => `${column} ${typeOf(as)} generated always as ${as}`),
    `primary key (${key.join()})${deferrable ? ' deferrable' : ''}`,
  ];
  const witnesses = SEALS.map((seal) => rowValues(table, schema, { id: 900 + seal, grp: 0, seal, ver: 0 }));
  return [
    `create table ${name} (${columns.join(', ')})${parts ? ' partition by list (grp)' : ''}`,
    ...[...(parts ?? [])].map((grp) => createPart(name, grp)),
    ...(identity === 'index' ? [`create unique index on ${name} (code)`] : []),
    replicaIdentity(table),
    ...(table.secured ? [`alter table ${name} enable row level security`] : []),
    ...(table.forced ? [`alter table ${name} force row level security`] : []),
    ...[...table.policies].map(([policy, text]) => `create policy ${policy} on ${name} ${text}`),
    ...[...table.grants].map(([role, what]) => grant(table, role, what)).filter(Boolean),
    `insert into ${name} (${writtenColumns(table).join()}) values ${witnesses.join()}`,
    ...(table.published ? [publish(table)] : []),
  ].join(';\n');
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

export const publish = ({ name, listed }: Table) =>
  `alter publication tidemark add table ${name} ${listed ? `(${listed.join()})` : ''}`;

const members = Object.entries(USERS).flatMap(([name, { seals }]) => seals.map((seal) => `('${name}', ${seal})`));

export const shows = ({ shown }: Schema) => `create or replace function public.shows(seal int) returns boolean
  language sql stable as $$ select seal = any ('{${shown.join()}}'::int[]) $$`;

/** Roles belong to the server, and are as the run before left them. */
export const RESET_ROLES = `do $$ declare r text; begin
  foreach r in array '{checker_one,checker_two,checker_group}'::text[] loop
    if not exists (select from pg_roles where rolname = r) then execute format('create role %I nologin', r); end if;
    execute format('alter role %I nobypassrls inherit', r);
  end loop;
  revoke checker_group from checker_one, checker_two;
end $$`;

export function setupSql(schema: Schema): string {
  return `${RESET_ROLES};
create function public.claim(name text) returns text language sql stable as
  $$ select nullif(current_setting('request.jwt.claims', true), '')::json ->> name $$;
${shows(schema)};
create type public.mood as enum (${schema.moods.map((mood) => `'${mood}'`).join()});
create type public.label as enum (${schema.labels.map((label) => `'${label}'`).join()});
create type public.pair as (a int, b text);
create domain public.score as int;
create table public.members (name text, seal int, primary key (name, seal));
alter table public.members replica identity full;
insert into public.members values ${members.join()};
grant select on public.members to ${ROLES.join()};
alter publication tidemark add table public.members;
${schema.tables.map((table) => createTable(table, schema)).join(';\n')};
create schema probe; grant usage on schema probe to public;
${PROBE}`;
}

/** What the role that asks gets for a query, or the SQLSTATE of the refusal, and what a live query of the table rests on. */
const PROBE = `
create function probe.ask(tables text[], queries text[]) returns jsonb language plpgsql as $$
declare answers jsonb := '[]'; n int; answer jsonb; facts jsonb;
begin
  for n in 1 .. coalesce(array_length(queries, 1), 0) loop
    begin
      execute format('select jsonb_build_object(''rows'', coalesce(jsonb_agg(to_jsonb(t)), ''[]'')) from (%s) t', queries[n]) into answer;
    exception when others then answer := jsonb_build_object('error', sqlstate, 'message', sqlerrm);
    end;
    select jsonb_build_object('security', row_security_active(c.oid), 'identity', c.relreplident,
      'published', (select p.attnames from pg_publication_tables p where p.pubname = 'tidemark' and p.tablename = c.relname and p.schemaname = 'public'),
      'whole', (select pubinsert and pubupdate and pubdelete and pubtruncate from pg_publication where pubname = 'tidemark'),
      'columns', (select jsonb_agg(a.attname) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped))
      into facts from pg_class c where c.relname = tables[n] and c.relnamespace = 'public'::regnamespace;
    answers := answers || jsonb_build_array(answer || coalesce(facts, '{}'));
  end loop;
  return answers;
end $$;`;
