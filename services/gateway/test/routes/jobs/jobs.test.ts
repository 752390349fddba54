/** Jobs as clients start, see and cancel them: by /api/v1/jobs, by a plain INSERT, and by functions in the database. */
import { ImageTransformSpec } from '@tidemark/contracts';
import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const ada = { role: 'authenticated', sub: 'ada', email: 'ada@example.com' };
const bob = { role: 'authenticated', sub: 'bob' };
const service = { role: 'service_role' };
const ops = { role: 'ops' };
type Claims = Record<string, unknown>;

const { request, sql } = await useGateway(t, {
  script: `
    insert into tidemark.job_kinds (name, version, spec_schema, limits)
      values ('image.transform', 1, '${JSON.stringify(ImageTransformSpec)}', '{}'), ('noop', 1, '{"type": "object"}', '{}');
    create function public.start_job(kind text) returns uuid language sql security definer as
      $$ insert into tidemark.jobs (kind, spec) values (kind, '{}') returning id $$;
    create function public.start_job_as(as_role text, as_owner text) returns uuid language sql security definer as
      $$ insert into tidemark.jobs (kind, spec, role, owner) values ('x', '{}', as_role, as_owner) returning id $$;`,
});
const spec = { input: { prefix: 'in/' }, transform: { greyscale: true } };
const post = (path: string, claims: Claims, body: unknown) =>
  request(path, {
    method: 'POST',
    claims,
    headers: { 'content-profile': path.includes('rpc/start') ? 'public' : 'tidemark' },
    body: JSON.stringify(body),
  });
const start = (claims: Claims, more = {}) => post('/api/v1/jobs', claims, { kind: 'image.transform', spec, ...more });
const insert = (claims: Claims, row: unknown) => post('/rest/v1/jobs', claims, row);
const started = async (claims: Claims) => ((await (await start(claims)).json()) as { id: string }).id;
const cancel = (claims: Claims | undefined, id: string) =>
  request(`/api/v1/jobs/${id}`, { method: 'DELETE', ...(claims ? { claims } : {}) });
const rowOf = async (id: string) => (await sql`select * from tidemark.jobs where id = ${id}`)[0]!;
const claimsOf = async (id: string) =>
  (await sql`select claims from tidemark.job_requests where job_id = ${id}`)[0]!.claims;

t.afterEach(() => sql`delete from tidemark.jobs`);

t.test('a job runs as the role of the request, also where a SECURITY DEFINER function inserts it', async (t) => {
  const answer = await post('/rest/v1/rpc/start_job', ada, { kind: 'x' });
  t.equal(answer.status, 200);
  const id = (await answer.json()) as string;
  t.match(await rowOf(id), { role: 'authenticated', owner: 'ada' });
  t.match(await claimsOf(id), { role: 'authenticated', sub: 'ada' });
});

t.test('nobody forges role, owner or claims of a job', async (t) => {
  for (const row of [{ role: 'service_role' }, { owner: 'bob' }, { state: 'running' }]) {
    const answer = await insert(ada, { kind: 'x', spec: {}, ...row });
    t.equal(answer.status, 403, JSON.stringify(row));
    t.match(await answer.json(), { code: '42501' });
  }
  for (const row of [
    { as_role: 'service_role', as_owner: 'ada' },
    { as_role: 'authenticated', as_owner: 'bob' },
  ]) {
    const answer = await post('/rest/v1/rpc/start_job_as', ada, row);
    t.equal(answer.status, 403, JSON.stringify(row));
    t.match(await answer.json(), { code: '42501', message: /would run as/, hint: /Leave role and owner out/ });
  }
  t.equal((await post('/rest/v1/rpc/start_job_as', ada, { as_role: 'authenticated', as_owner: 'ada' })).status, 200);
});

t.test('an insert without SET ROLE must name the role', async (t) => {
  await t.rejects(sql`insert into tidemark.jobs (kind, spec) values ('x', '{}')`.execute(), {
    code: '22023',
    message: /names no role/,
    hint: /service_role/,
  });
  await sql`insert into tidemark.jobs (kind, spec, role) values ('x', '{}', 'service_role')`;
});

t.test('claims are not to be had: not by *, not by name, not by operators', async (t) => {
  const id = await started(ada);
  t.notMatch(await (await request(`/api/v1/jobs/${id}`, { claims: ada })).text(), /ada@example/);
  const tidemark = { 'accept-profile': 'tidemark' };
  for (const claims of [ada, service]) {
    const all = await request('/rest/v1/jobs', { claims, headers: tidemark });
    t.equal(all.status, 200);
    t.notMatch(await all.text(), /ada@example|claims/);
    t.equal((await request('/rest/v1/job_requests', { claims, headers: tidemark })).status, 403);
  }
  t.equal((await request('/rest/v1/job_requests', { claims: ops, headers: tidemark })).status, 403);
  t.match(await (await request('/rest/v1/jobs?select=claims', { claims: ada, headers: tidemark })).json(), {
    code: '42703',
  });
});

t.test('operators see figures of jobs and cancel none', async (t) => {
  const answer = await start(ada);
  const { id } = (await answer.json()) as { id: string };
  const headers = { 'accept-profile': 'tidemark', tidemark: answer.headers.get('tidemark') as string };
  const figures = await request(`/rest/v1/jobs?id=eq.${id}&select=id,kind,state,total,done,failed,created_at`, {
    claims: ops,
    headers,
  });
  t.match(await figures.json(), [{ id, state: 'queued' }]);
  for (const column of ['spec', 'owner', 'error', 'role']) {
    t.equal((await request(`/rest/v1/jobs?select=${column}`, { claims: ops, headers })).status, 403, column);
  }
  t.equal((await cancel(ops, id)).status, 403);
  t.equal((await post('/rest/v1/rpc/cancel_job', ops, { job: id })).status, 403);
  t.equal((await rowOf(id)).state, 'queued');
});

t.test('its owner and the service cancel a job; others do not find it', async (t) => {
  const id = await started(ada);
  t.equal((await cancel(undefined, id)).status, 401);
  const others = await cancel(bob, id);
  t.equal(others.status, 404);
  t.match(await others.json(), { code: 'GATEWAY_JOB_NOT_FOUND' });
  const own = await cancel(ada, id);
  t.equal(own.status, 200);
  t.match(await own.json(), { id, state: 'cancelled', finished_at: String });
  t.ok(own.headers.get('tidemark'));
  t.match(await (await cancel(ada, id)).json(), { state: 'cancelled' }, 'once more changes nothing');
  const next = await started(ada);
  t.equal((await cancel(service, next)).status, 200);
  const third = await started(ada);
  t.match(await (await post('/rest/v1/rpc/cancel_job', ada, { job: third })).json(), { state: 'cancelled' });
});

t.test('a client sets a job to cancelled by PATCH, and to nothing else', async (t) => {
  const id = await started(ada);
  const patch = (claims: Claims, body: unknown) =>
    request(`/rest/v1/jobs?id=eq.${id}`, {
      method: 'PATCH',
      claims,
      headers: { 'content-profile': 'tidemark', prefer: 'return=representation' },
      body: JSON.stringify(body),
    });
  const succeeded = await patch(ada, { state: 'succeeded' });
  t.equal(succeeded.status, 409);
  t.match(await succeeded.json(), { code: 'PT409', hint: /cancel_job/ });
  t.equal((await patch(ada, { done: 5 })).status, 403);
  t.equal((await patch(ops, { state: 'cancelled' })).status, 403);
  t.same(await (await patch(bob, { state: 'cancelled' })).json(), []);
  t.match(await (await patch(ada, { state: 'cancelled' })).json(), [{ state: 'cancelled' }]);
  t.equal((await patch(ada, { state: 'queued' })).status, 409, 'nor alive again');
});

t.test('an UPDATE policy lets a team cancel each other’s jobs', async (t) => {
  await sql`create policy team_see on tidemark.jobs for select to authenticated using (owner = 'ada')`;
  t.teardown(() => sql`drop policy team_see on tidemark.jobs`);
  const id = await started(ada);
  const seen = await cancel(bob, id);
  t.equal(seen.status, 403, 'who sees it may not cancel it yet');
  t.match(await seen.json(), { code: '42501', hint: /UPDATE policy/ });
  await sql`create policy team on tidemark.jobs for update to authenticated using (owner = 'ada')`;
  t.teardown(() => sql`drop policy team on tidemark.jobs`);
  t.equal((await cancel(bob, id)).status, 200);
});

t.test('priority high needs a right, which a policy gives', async (t) => {
  for (const answer of [
    await start(ada, { priority: 'high' }),
    await insert(ada, { kind: 'x', spec: {}, priority: 'high' }),
  ]) {
    t.equal(answer.status, 403);
    t.match(await answer.json(), { code: '42501', message: /jobs_high_priority/, hint: /normal or low/ });
  }
  t.equal((await start(service, { priority: 'high' })).status, 202);
  t.equal((await start(ada, { priority: 'low' })).status, 202);
  await sql.unsafe(`alter policy jobs_high_priority on tidemark.jobs with check (priority <> 'high' or current_user = 'service_role'
    or current_setting('request.jwt.claims', true)::json ->> 'plan' = 'business')`);
  t.teardown(() =>
    sql.unsafe(
      `alter policy jobs_high_priority on tidemark.jobs with check (priority <> 'high' or current_user = 'service_role')`,
    ),
  );
  t.equal((await start({ ...ada, plan: 'business' }, { priority: 'high' })).status, 202);
  t.equal((await start(bob, { priority: 'high' })).status, 403);
});

t.test('a spec has a size limit, whoever inserts it', async (t) => {
  const huge = { note: 'x'.repeat(600_000) };
  const answer = await insert(ada, { kind: 'x', spec: huge });
  t.equal(answer.status, 413);
  t.match(await answer.json(), { code: 'PT413', message: /524288 are allowed/, hint: /spec_bytes/ });
  await t.rejects(
    sql`insert into tidemark.jobs (kind, spec, role) values ('x', ${sql.json(huge)}, 'service_role')`.execute(),
    { code: 'PT413' },
  );
  const ids = Array.from({ length: 10_000 }, () => crypto.randomUUID());
  const most = await start(ada, { spec: { ...spec, input: { files: ids } } });
  t.equal(most.status, 202, 'as many files as the API takes fit');
});

t.test('one identity has a quota of unfinished jobs and items; another still gets in', async (t) => {
  await sql`insert into tidemark.job_limits values ('authenticated', 524288, 3, 1000)`;
  t.teardown(() => sql`delete from tidemark.job_limits where role = 'authenticated'`);
  const many = await insert(
    ada,
    Array.from({ length: 4 }, () => ({ kind: 'x', spec: {} })),
  );
  t.equal(many.status, 429, 'one statement of four counts its own rows');
  const first = await started(ada);
  for (let i = 0; i < 2; i += 1) t.equal((await start(ada)).status, 202);
  for (const answer of [await start(ada), await insert(ada, { kind: 'x', spec: {} })]) {
    t.equal(answer.status, 429);
    t.match(await answer.json(), { code: 'PT429', message: /3 are allowed/, hint: /unfinished_jobs/ });
  }
  t.equal((await start(bob)).status, 202);
  await cancel(ada, first);
  const next = await start(ada);
  t.equal(next.status, 202);
  await cancel(ada, ((await next.json()) as { id: string }).id);
  await sql`update tidemark.jobs set state = 'running', total = 1000, done = 1 where owner = 'ada' and state = 'queued'`;
  const items = await start(ada);
  t.equal(items.status, 429);
  t.match(await items.json(), { message: /1998 items/, hint: /unfinished_items/ });
});

t.test('answers 202 with the address of a job, and shows its spec and timing', async (t) => {
  const answer = await start(ada, { deadline: '2100-01-01T00:00:00Z' });
  const { id } = (await answer.json()) as { id: string };
  t.equal(answer.status, 202);
  t.equal(answer.headers.get('location'), `/api/v1/jobs/${id}`);
  const headers = { tidemark: answer.headers.get('tidemark') as string };
  const shown = (await (await request(`/api/v1/jobs/${id}`, { claims: ada, headers })).json()) as { spec: unknown };
  t.same(shown.spec, spec);
  t.match(shown, { state: 'queued', planned_all: false, wait_seconds: Number, rate: null, eta: null });
  t.match(await (await request('/api/v1/jobs', { claims: ada, headers })).json(), [{ id, spec }]);
});

t.test('answers 422 with a JSON pointer to what does not fit the kind', async (t) => {
  for (const [body, details] of [
    [{ kind: 'image.explode' }, '/kind'],
    [{ kind: 1 }, '/kind'],
    [{ spec: { input: { prefix: 'in/' }, transform: { quality: 0 } } }, '/spec/transform/quality'],
    [{ spec: { input: { prefix: 'in/' }, transform: { resize: { fit: 'cover' } } } }, '/spec/transform/resize'],
    [{ deadline: 'soon' }, '/deadline'],
  ] as const) {
    const answer = await start(ada, body);
    t.equal(answer.status, 422, details);
    t.match(await answer.json(), { code: 'GATEWAY_JOB_INVALID', details, hint: String });
  }
});

t.test('the same Idempotency-Key is the same job, and 422 for another spec', async (t) => {
  const send = (items: number) =>
    request('/api/v1/jobs', {
      method: 'POST',
      claims: ada,
      headers: { 'idempotency-key': 'k' },
      body: JSON.stringify({ kind: 'noop', spec: { items } }),
    });
  const { id } = (await (await send(1)).json()) as { id: string };
  t.match(await (await send(1)).json(), { id });
  const other = await send(2);
  t.equal(other.status, 422);
  t.match(await other.json(), { code: 'PT422', message: new RegExp(id) });
  await cancel(ada, id);
  t.notMatch(await (await send(2)).json(), { id }, 'a cancelled job frees its key');
});

t.test('jobs are paused, resumed, retried and cancelled by POST', async (t) => {
  const id = await started(ada);
  const act = async (claims: Claims, action: string) => {
    const answer = await request(`/api/v1/jobs/${id}/${action}`, { method: 'POST', claims });
    return [answer.status, ((await answer.json()) as { state?: string }).state];
  };
  t.same(await act(ada, 'pause'), [200, 'paused']);
  t.same(await act(bob, 'resume'), [404, undefined]);
  t.same(await act(ada, 'resume'), [200, 'queued']);
  await sql`update tidemark.jobs set state = 'failed', finished_at = now() where id = ${id}`;
  t.same(await act(ada, 'retry'), [200, 'queued'], 'nothing was planned, so all of it');
  await sql`update tidemark.jobs set state = 'partly_failed', total = 2, done = 1, failed = 1, finished_at = now() where id = ${id}`;
  t.same(await act(ada, 'retry?code=OTHER'), [409, undefined]);
  await sql`insert into tidemark.job_items (job_id, index, state, attempts, code) values (${id}, 1, 'failed', 1, 'BAD')`;
  await sql`insert into tidemark.job_chunks (job_id, chunk, state, items, done, failed) values (${id}, 0, 'done', '[]', 1, 1)`;
  t.same(await act(ada, 'retry?code=BAD'), [200, 'running']);
  t.same(await act(ada, 'cancel'), [200, 'cancelled']);
});

t.test('items, results and failures are pages by index, and failures are grouped by code', async (t) => {
  const id = await started(ada);
  await sql`insert into tidemark.job_items (job_id, index, state, attempts, input, value, code, error)
    select ${id}, n, case when n % 3 = 0 then 'failed' else 'succeeded' end, 1, to_jsonb(n), to_jsonb(n * 2),
      case when n % 3 = 0 then case when n = 9 then 'RARE' else 'BAD' end end, '{"message": "no", "hint": null}'
    from generate_series(0, 9) as n`;
  const get = async (path: string, claims: Claims = ada) => {
    const answer = await request(`/api/v1/jobs/${id}/${path}`, { claims });
    return {
      status: answer.status,
      link: answer.headers.get('link'),
      rows: (await answer.json()) as { index: number }[],
    };
  };
  const first = await get('items?limit=6');
  t.same(
    first.rows.map(({ index }) => index),
    [0, 1, 2, 3, 4, 5],
  );
  t.match(first.link, /after=5&limit=6>; rel="next"/);
  t.same(
    (await get('items?limit=6&after=5')).rows.map(({ index }) => index),
    [6, 7, 8, 9],
  );
  t.match((await get('results')).rows, [{ index: 1, input: 1, value: 2 }, { index: 2 }, { index: 4 }]);
  t.same(
    (await get('failures?code=BAD')).rows.map(({ index }) => index),
    [0, 3, 6],
  );
  t.match((await get('failures?group=code')).rows, [
    { code: 'BAD', count: 3, first: 0, last: 6, sample: { index: 0, message: 'no' } },
    { code: 'RARE', count: 1, first: 9, last: 9 },
  ]);
  t.equal((await get('items', bob)).status, 404);
});
