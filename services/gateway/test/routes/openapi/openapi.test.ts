/** The document is valid, live, and shows what the role may use and nothing else. */
import { readFile } from 'node:fs/promises';
import { Validator } from '@seriousme/openapi-schema-validator';
import { until } from '@tidemark/testing';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const relations = await readFile(new URL('../../relations.sql', import.meta.url), 'utf8');
const script = `${relations};
create schema side; grant usage on schema side to authenticated;
create table side.clients (key int primary key); grant select on side.clients to authenticated;
create table public."odd name/ü" ("select" int, "order" text, ok varchar(7), primary key (ok));
grant select, insert on public."odd name/ü" to authenticated;
comment on table public.clients is 'who pays'; comment on column public.clients.name is 'as on the bill';
create table public.partial (a int generated always as identity, b int not null, c int not null default 1, d text);
grant select (a, b), insert (b, c), update (c) on public.partial to authenticated;
create function public.secret_call(x int) returns int language sql as 'select 1';
revoke execute on function public.secret_call(int) from public;`;
const gateway = await useGateway(t, {
  script,
  env: { DB_SCHEMAS: 'public,tidemark,side', CATALOG_INTERVAL_MS: '100' },
});
// biome-ignore lint/suspicious/noExplicitAny: a document of any depth.
type Document = any;

const read = async (claims?: Record<string, unknown>, headers: Record<string, string> = {}) =>
  gateway.request('/openapi.json', { headers, ...(claims ? { claims } : {}) });
const ada = { role: 'authenticated', sub: 'ada' };

t.test('is a valid OpenAPI 3.1 document for every role', async (t) => {
  for (const claims of [undefined, ada, { role: 'service_role' }, { role: 'ops' }]) {
    const answer = await read(claims);
    t.equal(answer.status, 200);
    t.match(answer.headers.get('content-type'), /^application\/json/);
    const document = (await answer.json()) as Document;
    t.equal(document.openapi, '3.1.0');
    const result = await new Validator().validate(document);
    t.ok(result.valid, JSON.stringify(result.errors)?.slice(0, 500));
    t.same(danglingRefs(document), [], 'every reference leads somewhere');
    t.same(repeatedParameters(document), [], 'no operation has a parameter twice');
    t.same(repeatedIds(document), []);
  }
});

t.test('describes columns with types, comments, enums and whether they are required', async (t) => {
  const { components, paths } = (await (await read(ada)).json()) as Document;
  const { schemas } = components;
  t.match(schemas['public.clients'], {
    description: 'who pays',
    properties: { name: { description: 'as on the bill' } },
  });
  const { mood, tags, big } = schemas['public.projects'].properties;
  t.ok(mood.enum.length > 0);
  t.match(tags, { type: ['array', 'null'], items: { type: 'string' } });
  t.match(big, { format: 'int64' });
  t.same(Object.keys(schemas['public.partial'].properties), ['a', 'b'], 'the columns it may select');
  t.same(schemas['public.partial.insert'].required, ['b']);
  t.same(Object.keys(schemas['public.partial.insert'].properties), ['b', 'c']);
  t.same(Object.keys(schemas['public.partial.update'].properties), ['c']);
  t.same(Object.keys(paths['/rest/v1/partial']).sort(), ['get', 'patch', 'post']);
  t.notOk(paths['/rest/v1/hidden'], 'a table without a grant');
  t.notOk(paths['/rest/v1/file_contents']);
  t.notOk(paths['/rest/v1/rpc/secret_call']);
  t.ok(paths['/rest/v1/rpc/add'].get && paths['/rest/v1/rpc/add'].post);
  t.ok(paths['/rest/v1/files'].get.parameters.some((p: Document) => p.name === 'Accept-Profile' && p.required));
  const both = paths['/rest/v1/clients'].get;
  t.same(both.responses['200'].content['application/json'].schema.items.anyOf.length, 2, 'of two schemas');
  const odd = paths[`/rest/v1/${encodeURIComponent('odd name/ü')}`].get;
  t.notOk(
    odd.parameters.some((p: Document) => p.name === 'select'),
    'the grammar’s names win',
  );
  t.ok(paths['/api/v1/files/{file}'].put);
});

t.test('shows the anonymous role less', async (t) => {
  const { paths } = (await (await read()).json()) as Document;
  t.notOk(paths['/rest/v1/partial']);
  t.ok(paths['/rest/v1/files'].get);
  t.notOk(paths['/rest/v1/files'].post);
});

t.test('follows the schema and the grants; unchanged it is not sent again', async (t) => {
  const first = await read(ada);
  const etag = first.headers.get('etag') as string;
  t.equal((await read(ada, { 'if-none-match': etag })).status, 304);
  await gateway.sql`create table public.brand_new (id int primary key)`;
  await gateway.sql`grant select on public.brand_new to authenticated`;
  const seen = async () => Boolean(((await (await read(ada)).json()) as Document).paths['/rest/v1/brand_new']);
  t.ok(await until(seen));
  await gateway.sql`revoke select on public.brand_new from authenticated`;
  t.ok(await until(async () => !(await seen())));
});

t.test('the page and all that it needs come from here, under a strict policy', async (t) => {
  const page = await gateway.request('/docs');
  t.equal(page.status, 200);
  const policy = page.headers.get('content-security-policy') ?? '';
  t.match(policy, /default-src 'none'/);
  t.notMatch(policy, /script-src[^;]*unsafe|https?:/);
  const html = await page.text();
  t.notMatch(html, /https?:\/\//);
  for (const [, path] of html.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
    const asset = await gateway.request(path as string);
    t.equal(asset.status, 200, String(path));
    t.ok((await asset.text()).length > 100);
  }
  t.equal((await gateway.request('/docs/../package.json')).status, 404);
});

function walk(value: unknown, visit: (key: string, value: unknown) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    visit(key, inner);
    walk(inner, visit);
  }
}

function danglingRefs(document: Document): string[] {
  const refs = new Set<string>();
  walk(document, (key, value) => key === '$ref' && typeof value === 'string' && refs.add(value));
  return [...refs].filter((ref) => {
    const target = ref
      .slice(2)
      .split('/')
      .reduce((at: Document, part) => at?.[part], document);
    return target === undefined;
  });
}

function operations(document: Document): [string, Document][] {
  return Object.entries(document.paths as Record<string, Record<string, Document>>).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]): [string, Document][] =>
      method === 'parameters' ? [] : [[`${method} ${path}`, operation]],
    ),
  );
}

function repeatedParameters(document: Document): string[] {
  return operations(document).flatMap(([name, { parameters = [] }]) => {
    const names = parameters.map((p: Document) => {
      const { in: where, name: called } = p.$ref ? document.components.parameters[p.$ref.split('/').at(-1)] : p;
      return `${where} ${called}`;
    });
    return new Set(names).size === names.length ? [] : [name];
  });
}

function repeatedIds(document: Document): string[] {
  const ids = operations(document).map(([, { operationId }]) => operationId as string);
  return ids.filter((id, i) => ids.indexOf(id) !== i);
}
