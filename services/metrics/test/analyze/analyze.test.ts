/** Tests queries/analyze on real servers: its findings in plans, and that hostile texts have no effect. */
import { readFile } from 'node:fs/promises';
import { openDatabase, runScript } from '@tidemark/db';
import { startTemporaryStack } from '@tidemark/local-stack';
import { answerDatabaseInspections, createTokenVerifier } from '@tidemark/service';
import { until } from '@tidemark/testing';
import { useDebianPostgres } from '@tidemark/testing/debian-postgres';
import t from 'tap';
import { createAnalyzer } from '../../src/analyze/analyzer.ts';
import { SECRET, useMetrics } from '../metrics-fixture.ts';
import { prepareAnalysis } from './prepare-analysis.ts';

/** The test changes roles, which belong to the whole server. */
const stack = await startTemporaryStack({ replica: false });
t.teardown(() => stack.stop());
const primaryUrl = stack.primary.url;
const analyzeUrl = await prepareAnalysis(primaryUrl);
const servers = { primaryUrl, natsUrl: stack.nats.url, natsPrefix: 'analyze' };
const metrics = await useMetrics(t, servers, { METRICS_EXPECT: 'none', METRICS_ANALYZE_URL: analyzeUrl });
const db = await openDatabase({ primaryUrl, applicationName: 'tidemark gateway-a' });
const verifyToken = createTokenVerifier({ secret: SECRET, roles: ['ops', 'authenticated'] });
const stopAnswering = answerDatabaseInspections({ bus: metrics.bus, instance: 'gateway-a', db, verifyToken });
metrics.instance('gateway', 'gateway-a', () => ({ pools: db.poolStats(), statements: db.statements(20) }));
t.teardown(async () => {
  stopAnswering();
  await db.close();
});
const user = await metrics.token('authenticated', { sub: 'ann' });

interface Answer {
  status: number;
  code?: string;
  message?: string;
  ran: boolean;
  parameters: string[];
  withheld: string | null;
  queryId: string | null;
  plan: { node: string; rows: unknown; ms: number | null; selfMs: number | null; children: Answer['plan'][] };
  findings: { kind: string; relation: string; message: string; do: { sql: string }[] }[];
}
async function analyze(body: object, sub = 'olga', signal?: AbortSignal): Promise<Answer> {
  const response = await fetch(`${metrics.url}/api/v1/performance/queries/analyze`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await metrics.token('ops', { sub })}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    ...(signal && { signal }),
  });
  return { ...((await response.json()) as Answer), status: response.status };
}
const count = async () => {
  const [row] = await db.pools.admin.query(
    "select count(*)::int as n, to_regclass('public.stolen') as stolen from public.notes",
  );
  return row;
};

t.test('explains a text with its parameters, and finds the missing index with its SQL', async (t) => {
  const found = await analyze({ query: 'select body from public.notes where author = $1 and body > $2', as: user });
  t.match(found, { status: 200, ran: false, withheld: null, parameters: ['text', 'text'] });
  t.match(found.findings, [{ kind: 'sequential scan', relation: 'public.notes', message: /30000 rows/ }]);
  t.equal(found.findings[0]?.do[0]?.sql, 'create index concurrently on public.notes (author, body)');
  t.match(found.queryId, /^-?\d+$/);
  t.match((await analyze({ query: 'select from public.notes a, public.notes b', as: user })).findings, [
    { kind: 'nested loop', message: /no condition between them/ },
  ]);
  const slow = await analyze({ query: 'select from public.notes where public.looks_good(author)', as: user });
  t.match(slow.findings, [{ kind: 'function per row', message: /calls looks_good for each/ }]);
});

t.test(
  'shows only the shape of the plan where policies apply to the identity, or the right to read is missing',
  async (t) => {
    const shape = await analyze({ query: 'select * from public.secrets', as: user });
    t.match(shape, { status: 200, withheld: /row-level security applies to public.secrets/, findings: [] });
    t.match(shape.plan, { node: 'Seq Scan', rows: null, ms: null, cost: null });
    t.match(await analyze({ query: 'select * from public.secrets' }), {
      status: 400,
      code: 'METRICS_ANALYZE_REFUSED',
      message: /42501/,
    });
  },
);

t.test('runs a statement of our services where no policy applies, and the times of its nodes add up', async (t) => {
  const identity = { role: 'authenticated', claims: '{"role":"authenticated","sub":"ann"}' };
  const texts = [
    'select author, body from public.notes where id < $1 order by body, author',
    'select id from public.secrets where id = $1',
    'update public.notes set body = $1 where id = 1',
  ];
  for (const text of texts)
    await db.write({ identity, statements: [{ text, params: [text.startsWith('update') ? 'y' : 5] }] });
  const ids = await until(async () => {
    const { statements } = (await (await metrics.get('queries/stats?limit=200')).json()) as {
      statements: { id: string; text: string }[];
    };
    const found = texts.map(
      (text) => statements.find((one) => one.text === text || one.text === text.replace('id = 1', 'id = ?'))?.id,
    );
    return found.every(Boolean) ? (found as string[]) : undefined;
  }, 'telemetry has the statements');
  const [open, secured, write] = ids;
  const ran = await analyze({ fingerprint: open, run: true, params: ['29000'], as: user });
  t.match(ran, { status: 200, ran: true, withheld: null });
  const nodes = (node: Answer['plan']): Answer['plan'][] => [node, ...node.children.flatMap(nodes)];
  const sum = nodes(ran.plan).reduce((total, { selfMs }) => total + (selfMs ?? Number.NaN), 0);
  t.ok(Math.abs(sum - (ran.plan.ms ?? 0)) <= (ran.plan.ms ?? 0) * 0.01);
  t.match(await analyze({ fingerprint: open, run: true, as: user }), {
    code: 'METRICS_ANALYZE_PARAMS',
    message: /integer/,
  });
  t.match(await analyze({ fingerprint: secured, run: true, params: ['1'], as: user }), {
    code: 'METRICS_ANALYZE_POLICY',
  });
  t.match(await analyze({ fingerprint: write, as: user }), { status: 200, plan: { node: 'ModifyTable' } });
  t.match(await analyze({ fingerprint: write, run: true, params: ['z'], as: user }), {
    code: 'METRICS_ANALYZE_WRITES',
  });
  t.match(await analyze({ fingerprint: '0123456789ab', as: user }), {
    status: 404,
    code: 'METRICS_ANALYZE_FINGERPRINT',
  });
  t.same(await db.pools.admin.query('select body from public.notes where id = 1'), [{ body: 'y' }]);
});

const HOSTILE: [query: string, code: string, message: RegExp][] = [
  ['select 1; drop table public.notes', 'REFUSED', /42601/],
  ['select 1; select 2', 'REFUSED', /multiple commands/],
  ['insert into public.notes values (-5)', 'WRITES', /notes/],
  ['delete from public.notes returning id', 'WRITES', /notes/],
  ['with gone as (delete from public.notes returning 1) select count(*) from gone', 'WRITES', /notes/],
  ['select * from public.notes for update', 'WRITES', /rows/],
  ['select * into public.stolen from public.notes', 'WRITES', /a new table/],
  ['create table public.stolen (i int)', 'REFUSED', /42601/],
  ['select public.act()', 'VOLATILE', /act/],
  ['select pg_sleep(10)', 'VOLATILE', /pg_sleep/],
  ['select "pg_sleep" (10)', 'VOLATILE', /pg_sleep/],
  ["copy (select 1) to program 'touch /tmp/tidemark-hostile'", 'REFUSED', /42601/],
  ["select set_config('role', 'postgres', false)", 'VOLATILE', /set_config/],
  ['select pg_terminate_backend(pid) from pg_stat_activity', 'VOLATILE', /pg_terminate_backend/],
  ['select pg_reload_conf(), pg_rotate_logfile()', 'VOLATILE', /pg_/],
  ["select lo_import('/etc/passwd')", 'VOLATILE', /lo_import/],
  ["select pg_read_file('/etc/passwd')", 'VOLATILE', /pg_read_file/],
  ["select nextval('s')", 'VOLATILE', /nextval/],
  ['set role postgres', 'REFUSED', /42601/],
  ['reset all', 'REFUSED', /42601/],
  ['commit', 'REFUSED', /42601/],
  ['do $$ begin perform pg_sleep(9); end $$', 'REFUSED', /42601/],
  ['execute other', 'REFUSED', /42601/],
  ['explain analyze delete from public.notes', 'REFUSED', /42601/],
  ['vacuum', 'REFUSED', /42601/],
  ['listen x', 'REFUSED', /42601/],
  ['select 1 as a /* unclosed', 'REFUSED', /unterminated/],
  ['select 1 from public.nothing', 'REFUSED', /42P01/],
  ['select * from public.notes, public.notes as b, lateral (select public.act()) c', 'VOLATILE', /act/],
];

t.test('hostile texts have no effect, and each gets a clear error', async (t) => {
  const before = await count();
  for (const [query, code, message] of HOSTILE) {
    const answer = await analyze({ query, as: user });
    t.match(answer, { code: `METRICS_ANALYZE_${code}`, message }, `${query}: ${JSON.stringify(answer).slice(0, 200)}`);
    t.ok(answer.status === 400, query);
  }
  t.same(await count(), before);
  t.match(await analyze({ query: 'select 1', run: true, as: user }), { code: 'METRICS_ANALYZE_FOREIGN' });
  await t.rejects(readFile('/tmp/tidemark-hostile'), { code: 'ENOENT' });
  t.equal((await analyze({ query: 'select current_user', as: user })).status, 200, 'the next one has a clean session');
});

t.test('a role that bypasses row-level security is refused, and so is a login with more rights', async (t) => {
  await db.pools.admin.query('alter role service_role bypassrls');
  t.teardown(() => db.pools.admin.query('alter role service_role nobypassrls'));
  const as = await metrics.token('service_role');
  t.match(await analyze({ query: 'select 1', as }), { status: 403, code: 'METRICS_ANALYZE_ROLE' });
  const strong = createAnalyzer(primaryUrl, 'strong');
  t.teardown(() => strong.close());
  const client = { isGone: false, onGone: () => () => {} };
  const identity = { role: 'authenticated', claims: '{}' };
  const request = { text: 'select 1', isOurs: false, run: false, params: [], identity, person: 'a', client };
  await t.rejects(strong.analyze(request), { code: 'METRICS_ANALYZE_LOGIN' });
});

/** Planning it takes long: Postgres computes what an immutable function returns for constants. */
const SLOW = 'select public.endless()';
/** Waits until the statement itself runs, and not the statements before it. */
const runs = (application: string) =>
  until(async () => {
    const found = await db.pools.admin.query(
      "select from pg_stat_activity where application_name = $1 and state = 'active' and query like 'explain%'",
      [`${application}/analyze`],
    );
    return found.length > 0;
  }, 'it runs');

t.test('runs one analysis at a time for each person', async (t) => {
  const stop = new AbortController();
  const first = analyze({ query: SLOW, as: user }, 'olga', stop.signal).catch(() => undefined);
  await runs('tidemark/metrics-t');
  t.match(await analyze({ query: 'select 1', as: user }, 'olga'), { status: 503, code: 'METRICS_ANALYZE_BUSY' });
  t.equal((await analyze({ query: 'select 1', as: user }, 'otto')).status, 200, 'another person is served');
  stop.abort();
  await first;
  await until(async () => {
    const { status } = await analyze({ query: 'select 1', as: user }, 'olga');
    return status === 200;
  }, 'the person is served again');
});

t.test('the statement is cancelled when the caller leaves', async (t) => {
  const analyzer = createAnalyzer(analyzeUrl, 'leaving');
  t.teardown(() => analyzer.close());
  let leave: () => void = () => {};
  const client = {
    isGone: false,
    onGone(listener: () => void) {
      leave = () => {
        client.isGone = true;
        listener();
      };
      return () => {};
    },
  };
  const identity = { role: 'authenticated', claims: '{}' };
  const analysis = analyzer.analyze({
    text: SLOW,
    isOurs: false,
    run: false,
    params: [],
    identity,
    person: 'a',
    client,
  });
  analysis.catch(() => {});
  await runs('leaving');
  leave();
  await t.rejects(analysis, { code: 'DB_CLIENT_GONE', cause: { message: /user request/ } });
});

t.test('runs three analyses at once, each until its time limit, and refuses a fourth', async (t) => {
  const people = ['a', 'b', 'c', 'd'];
  const all = await Promise.all(people.map((sub) => analyze({ query: SLOW, as: user }, sub)));
  t.equal(all.filter(({ code }) => code === 'METRICS_ANALYZE_BUSY').length, 1);
  t.equal(all.filter(({ message }) => /statement timeout \(57014\)/.test(message ?? '')).length, 3);
});

t.test('only operators may analyze, and without METRICS_ANALYZE_URL the error says so', async (t) => {
  const url = `${metrics.url}/api/v1/performance/queries/analyze`;
  const post = (headers: Record<string, string>, body = '{"query":"select 1"}') =>
    fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body });
  t.equal((await post({})).status, 401);
  t.equal((await post({ authorization: `Bearer ${user}` })).status, 403);
  t.match(await analyze({}), { status: 400, code: 'METRICS_ANALYZE_STATEMENT' });
  t.equal((await analyze({ query: 'select 1', as: 'nonsense' })).status, 401);
});

t.test('works in the same way on Postgres 15', async (t) => {
  const url = await useDebianPostgres(t);
  const analyzer = createAnalyzer(await prepareAnalysis(url), 'analyze15');
  t.teardown(() => analyzer.close());
  const client = { isGone: false, onGone: () => () => {} };
  const identity = { role: 'authenticated', claims: '{"sub":"ann"}' };
  const request = { isOurs: false, run: false, params: [], identity, person: 'a', client };
  const found = await analyzer.analyze({ ...request, text: 'select body from public.notes where author = $1' });
  t.match(found, {
    parameters: ['text'],
    withheld: null,
    findings: [{ kind: 'sequential scan', cost: { after: null } }],
  });
  await runScript(
    url,
    'create schema extensions; create extension hypopg schema extensions; grant usage on schema extensions to authenticated',
  );
  const proved = await analyzer.analyze({ ...request, text: 'select body from public.notes where author = $1' });
  const { before = 0, after = 0 } = proved.findings[0]?.cost ?? {};
  t.ok(after !== null && after > 0 && after < before / 2, `hypopg proves the index: ${before} → ${after}`);
  t.equal(proved.plan.node, 'Seq Scan', 'the plan shown is the present one');
  for (const [text, code, message] of HOSTILE) {
    await t.rejects(analyzer.analyze({ ...request, text }), { code: `METRICS_ANALYZE_${code}`, message }, text);
  }
});
