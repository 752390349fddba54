/** Forms of a statement that save Postgres work, and answer the same: the page before its embeds, rows that are rendered apart. */
import { parseQuery } from '@tidemark/query';
import t from 'tap';
import { loadCatalog } from '../../src/catalog/load.ts';
import { joinRows } from '../../src/read/primary-key-read.ts';
import { planRead } from '../../src/read/read.ts';
import type { AnswerRow } from '../../src/sql/answer-row.ts';
import { openPlanDatabase } from '../plan-database.ts';

const SCRIPT = `
create table clients (id integer primary key, name text not null);
create table projects (id integer primary key, name text not null, client_id integer references clients, data jsonb);
create table tasks (id integer primary key, name text not null, project_id integer references projects, hours integer not null);
insert into clients values (1, 'Acme'), (2, 'Globex'), (3, 'Idle');
insert into projects values (1, 'Windows', 1, '{"n": 1}'), (2, 'Doors', 1, '{"n": 2}'), (3, 'Roofs', 2, null), (4, 'Loose', null, '{"n": 4}');
insert into tasks values (1, 'Design', 1, 5), (2, 'Build', 1, 8), (3, 'Paint', 2, 3), (4, 'Climb', 3, 13), (5, 'Alone', null, 1);
create function client_of(projects) returns setof clients rows 1 language sql stable as 'select * from clients where id = $1.client_id';
create function shout(projects) returns text language sql stable as 'select upper($1.name) || ''!''';`;

const db = await openPlanDatabase(t, SCRIPT);
const catalog = await loadCatalog(db.pools.admin, ['public']);
const media = { kind: 'json', nullsStripped: false } as const;

interface PlanNode {
  'Relation Name'?: string;
  'Actual Loops': number;
  Plans?: PlanNode[];
}

/** How often the scans of a table ran. */
async function loopsOf(table: string, search: string): Promise<number> {
  const relation = catalog.relation('public', 'projects');
  if (!relation) throw new Error('no projects');
  const { text, params } = planRead(catalog, relation, parseQuery(search), {
    media,
    exactCount: false,
    maxRows: 1_000,
  });
  const [row] = await db.pools.admin.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `explain (analyze, format json) ${text}`,
    params,
  );
  const count = (node: PlanNode): number =>
    (node['Relation Name'] === table ? node['Actual Loops'] : 0) +
    (node.Plans ?? []).reduce((sum, child) => sum + count(child), 0);
  return count(row!['QUERY PLAN'][0].Plan);
}

async function ask(search: string, exactCount = false): Promise<AnswerRow> {
  const { text, params } = planRead(catalog, catalog.relation('public', 'projects')!, parseQuery(search), {
    media,
    exactCount,
    maxRows: 1_000,
  });
  return joinRows(await db.pools.admin.query<AnswerRow & Record<string, unknown>>(text, params));
}
const rowsOf = async (search: string) => JSON.parse((await ask(search)).body!) as unknown[];

t.test('embeds of skipped rows are not computed', async (t) => {
  t.equal(await loopsOf('tasks', 'select=id,tasks(name)&order=id&limit=1&offset=2'), 1);
  t.equal(await loopsOf('tasks', 'select=*,tasks(name)&order=name.desc&limit=2&offset=1'), 2);
});

t.test('the answer does not depend on what takes part in choosing the rows', async (t) => {
  for (const search of [
    'select=id,tasks(name)&order=id.desc&limit=2&offset=1',
    'select=name,clients(name),tasks(hours.sum())&order=data->n.desc.nullslast,id&limit=3',
    'select=shout,clients(name)&order=id&limit=2',
    'select=id,clients!inner(name)&order=id&limit=2&offset=1',
    'select=id,clients(name)&clients=not.is.null&order=id&limit=2',
    'select=id,client_of(name)&order=id&offset=1',
    'select=id,clients(name)&order=clients(name),id&limit=2',
  ]) {
    const all = await rowsOf(search.replace(/&(limit|offset)=\d+/g, ''));
    const limit = Number(/limit=(\d+)/.exec(search)?.[1] ?? 1_000);
    const offset = Number(/offset=(\d+)/.exec(search)?.[1] ?? 0);
    t.same(await rowsOf(search), all.slice(offset, offset + limit), search);
  }
});

t.test('a row by its key is rendered without aggregates, and the answer is the same', async (t) => {
  const projects = catalog.relation('public', 'projects')!;
  const options = { media, exactCount: false, maxRows: 1_000 };
  for (const [search, isApart] of [
    ['id=eq.1', true],
    ['id=eq.4711', true],
    ['select=id,n:name::text&id=eq.2&order=id&limit=5', true],
    ['id=eq.1&offset=1', true],
    ['id=eq.1&name=neq.x', true],
    ['id=not.eq.1', false],
    ['or=(id.eq.1,id.eq.2)', false],
    ['id=eq.1&select=id.sum()', false],
    ['id=in.(1,2)', false],
  ] as const) {
    const { text } = planRead(catalog, projects, parseQuery(search), options);
    t.equal(!text.includes('json_agg("_t".*)'), isApart, search);
    // Counting needs the general form.
    t.same(await ask(search), { ...(await ask(search, true)), total: null }, search);
  }
  const several = 'select (n::text) as a, n as b from generate_series(1, 3) as n';
  const [row] = await db.pools.admin.query(`select json_agg(t)::text as body from (${several}) as t`);
  const rows = await db.pools.admin.query(`select row_to_json(t)::text as body from (${several}) as t`);
  t.same(joinRows(rows as never), { body: row?.body, rows: '3', total: null });
});
