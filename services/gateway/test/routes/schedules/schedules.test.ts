import t from 'tap';
import { useGateway } from '../../gateway-fixture.ts';

const ada = { role: 'authenticated', sub: 'ada' };
const bob = { role: 'authenticated', sub: 'bob' };
type Claims = Record<string, unknown>;

const { request, sql } = await useGateway(t, {
  script: `insert into tidemark.job_kinds (name, version, spec_schema, limits)
    values ('noop', 1, '{"type": "object", "required": ["items"]}', '{}');`,
});
const body = { name: 'nightly', pattern: '30 2 * * *', time_zone: 'Europe/Berlin', kind: 'noop', spec: { items: 1 } };
const call = (method: string, path: string, claims: Claims | undefined, json?: unknown) =>
  request(`/api/v1/schedules${path}`, {
    method,
    ...(claims && { claims }),
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
const create = (claims: Claims | undefined, more = {}) => call('POST', '', claims, { ...body, ...more });
const created = async (claims: Claims, more = {}) => ((await (await create(claims, more)).json()) as { id: string }).id;

t.afterEach(() => sql`delete from tidemark.job_schedules`);

t.test('a schedule is created, seen, paused, resumed and deleted by its owner alone', async (t) => {
  const answer = await create(ada);
  t.equal(answer.status, 201);
  const schedule = (await answer.json()) as { id: string };
  t.match(schedule, { ...body, missed: 'once', overlap: 'skip', paused: false, next_at: null, error: null });
  t.equal(answer.headers.get('location'), `/api/v1/schedules/${schedule.id}`);
  const one = `/${schedule.id}`;
  t.match(await (await call('GET', '', ada)).json(), [{ id: schedule.id }]);
  t.match(await (await call('GET', one, ada)).json(), { id: schedule.id });
  t.same(await (await call('GET', '', bob)).json(), []);
  for (const [method, path] of [
    ['GET', one],
    ['GET', `${one}/runs`],
    ['POST', `${one}/pause`],
    ['POST', `${one}/resume`],
    ['POST', `${one}/run`],
    ['DELETE', one],
  ] as const) {
    t.equal((await call(method, path, bob)).status, 404, `${method} ${path}`);
  }
  t.match(await (await call('POST', `${one}/pause`, ada)).json(), { paused: true });
  const refused = await call('POST', `${one}/run`, ada);
  t.equal(refused.status, 409);
  t.match(await refused.json(), { message: 'the schedule nightly is paused', hint: /Resume it first/ });
  t.match(await (await call('POST', `${one}/resume`, ada)).json(), { paused: false });
  t.same(await (await call('GET', `${one}/runs`, ada)).json(), []);
  t.match(await (await call('POST', `${one}/run`, ada)).json(), { id: schedule.id });
  t.match(await (await call('GET', `${one}/runs`, ada)).json(), [{ state: 'waiting', job_id: null }]);
  t.equal((await call('DELETE', one, ada)).status, 200);
  t.equal((await call('GET', one, ada)).status, 404);
});

t.test('a pattern that never fires, an unknown zone and a wrong spec are refused with the reason', async (t) => {
  const bad = [
    [{ pattern: '0 0 30 2 *' }, { code: 'SCHEDULE_INVALID', message: /never fires/ }],
    [{ pattern: '61 * * * *' }, { code: 'SCHEDULE_INVALID', message: /minute/ }],
    [{ time_zone: 'Nowhere/Else' }, { code: 'SCHEDULE_INVALID', message: /Nowhere/ }],
    [{ spec: {} }, { details: '/spec' }],
    [{ kind: 'no.such' }, { details: '/kind' }],
    [{ overlap: 'maybe' }, { details: '/overlap' }],
  ] as const;
  for (const [more, problem] of bad) {
    const answer = await create(ada, more);
    t.equal(answer.status, 422, JSON.stringify(more));
    t.match(await answer.json(), problem);
  }
  t.equal((await create(undefined)).status, 401);
});

t.test('a second schedule with the name, and one more than the limit, are refused', async (t) => {
  await created(ada);
  t.equal((await create(ada)).status, 409);
  t.ok(await created(bob), 'another may have the name');
  await sql`update tidemark.job_limits set schedules = 2 where role = '*'`;
  t.teardown(() => sql`update tidemark.job_limits set schedules = 100 where role = '*'`);
  t.ok(await created(ada, { name: 'second' }));
  const answer = await create(ada, { name: 'third' });
  t.equal(answer.status, 429);
  t.match(await answer.json(), { message: /2 schedules, 2 are allowed/ });
});

t.test('nobody forges the role or owner of a schedule, nor changes one of another role of the same sub', async (t) => {
  const insert = (claims: Claims, row: object) =>
    request('/rest/v1/job_schedules', {
      method: 'POST',
      claims,
      headers: { 'content-profile': 'tidemark' },
      body: JSON.stringify({ name: 'n', pattern: '* * * * *', kind: 'noop', spec: {}, ...row }),
    });
  for (const row of [{ role: 'service_role' }, { owner: 'bob' }, { next_at: '2026-01-01' }]) {
    t.equal((await insert(ada, row)).status, 403, JSON.stringify(row));
  }
  const id = await created({ role: 'service_role', sub: 'ada' }, { name: 'as service' });
  t.equal((await call('POST', `/${id}/pause`, ada)).status, 404);
  t.equal((await call('POST', `/${id}/pause`, { role: 'service_role' })).status, 200);
});
