/** Forms of a statement that save Postgres work, and answer the same: the page before its embeds, rows that are rendered apart. */
import { readFile } from 'node:fs/promises';
import { openDatabase } from '@tidemark/db';
import { parseQuery } from '@tidemark/query';
import t from 'tap';
import { loadCatalog } from '../src/catalog/load.ts';
import { planRead } from '../src/plan/read.ts';
import { answerOf } from '../src/plan/rows-apart.ts';
import { useGateway } from './gateway-fixture.ts';

const script = await readFile(new URL('./relations.sql', import.meta.url), 'utf8');
const gateway = await useGateway(t, { script });
const db = await openDatabase({ primaryUrl: gateway.database.primaryUrl, applicationName: 'test' });
t.teardown(() => db.close());
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
  const [row] = await gateway.sql.unsafe(`explain (analyze, format json) ${text}`, params as string[]);
  const count = (node: PlanNode): number =>
    (node['Relation Name'] === table ? node['Actual Loops'] : 0) +
    (node.Plans ?? []).reduce((sum, child) => sum + count(child), 0);
  return count(row?.['QUERY PLAN'][0].Plan);
}

t.test('embeds of skipped rows are not computed', async (t) => {
  t.equal(await loopsOf('tasks', 'select=id,tasks(name)&order=id&limit=1&offset=2'), 1);
  t.equal(await loopsOf('tasks', 'select=*,tasks(name)&order=name.desc&limit=2&offset=1'), 2);
});

t.test('and the answer is the same, whatever takes part in choosing the rows', async (t) => {
  for (const search of [
    'select=id,tasks(name)&order=id.desc&limit=2&offset=1',
    'select=name,clients(name),tasks(hours.sum())&order=data->n.desc.nullslast,id&limit=3',
    'select=shout,clients(name)&order=id&limit=2',
    'select=id,clients!inner(name)&order=id&limit=2&offset=1',
    'select=id,clients(name)&clients=not.is.null&order=id&limit=2',
    'select=id,client_of(name)&order=id&offset=1',
    'select=id,clients(name)&order=clients(name),id&limit=2',
  ]) {
    const all = (await (
      await gateway.request(`/rest/v1/projects?${search.replace(/&(limit|offset)=\d+/g, '')}`)
    ).json()) as unknown[];
    const limit = Number(/limit=(\d+)/.exec(search)?.[1] ?? 1_000);
    const offset = Number(/offset=(\d+)/.exec(search)?.[1] ?? 0);
    const page = await (await gateway.request(`/rest/v1/projects?${search}`)).json();
    t.same(page, all.slice(offset, offset + limit), search);
  }
});

t.test('a row by its key is rendered without aggregates, and the answer is the same', async (t) => {
  const ask = async (search: string, headers: Record<string, string>) => {
    const answer = await gateway.request(`/rest/v1/projects?${search}`, { headers });
    return { status: answer.status, etag: answer.headers.get('etag'), body: await answer.text() };
  };
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
    t.equal(!text.includes('json_agg("_t")'), isApart, search);
    // Counting needs the general form.
    const general = await ask(search, { prefer: 'count=exact' });
    t.same(await ask(search, {}), { ...general, status: 200 }, search);
  }
  const several = 'select (n::text) as a, n as b from generate_series(1, 3) as n';
  const [row] = await gateway.sql.unsafe(`select json_agg(t)::text as body from (${several}) as t`);
  const rows = await gateway.sql.unsafe(`select row_to_json(t)::text as body from (${several}) as t`);
  t.same(answerOf(rows as never), { body: row?.body, rows: '3', total: null });
});
