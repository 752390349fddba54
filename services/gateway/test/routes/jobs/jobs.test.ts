/** Tests /api/v1/jobs: starting, showing, controlling, and pages of items. */
import t from 'tap';
import { ada, bob, type Claims, spec, useJobs } from './jobs-fixture.ts';

const { request, sql, start, started, cancel } = await useJobs(t);

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
