/** Tests the rights on rows of jobs: by /api/v1/jobs, by a plain INSERT, and by functions in the database. */
import t from 'tap';
import { ada, bob, type Claims, ops, service, spec, useJobs } from './jobs-fixture.ts';

const { request, sql, post, start, insert, started, cancel, rowOf, claimsOf } = await useJobs(t);

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

t.test('nobody can read the claims of a job: not by *, not by name, not as an operator', async (t) => {
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
