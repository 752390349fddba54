/** Tests whose rights jobs have, who owns their outputs, and that their rows tell nothing about the machine. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from './batch-stack.ts';

const stack = await openBatchStack(t);
const transform = { resize: { width: 20 } };
const adas = await stack.addImages('ada/', 4, { owner: 'ada', seed: 1 });
const bobs = await stack.addImages('bob/', 2, { owner: 'bob', seed: 2 });
const batch = await stack.startBatch({ BATCH_CHUNK_ITEMS: '4' });

t.test('a job never runs as a role that JWT_ROLES does not list', async (t) => {
  const insert = async (role: string) => {
    const [row] = await stack.query<{ id: string }>(
      `insert into tidemark.jobs (kind, spec, role) values ('image.transform', $1, $2) returning id`,
      [JSON.stringify({ input: { files: adas }, transform }), role],
    );
    return stack.ended(row!.id);
  };
  const [me] = await stack.query<{ name: string }>('select current_user as name');
  t.match(await insert(me!.name), {
    state: 'failed',
    error: { code: 'BATCH_ROLE_REFUSED', message: /JWT_ROLES/, hint: String },
  });
  t.match(await insert('no_such_role'), { state: 'failed', error: { code: 'BATCH_ROLE_REFUSED' } });
  t.match(await insert('service_role'), { state: 'succeeded', done: 4 });
});

t.test('outputs of a job without an owner belong to the owners of its inputs', async (t) => {
  const id = await stack.insertJob({ input: { files: [adas[0], bobs[0]] }, transform });
  t.match(await stack.ended(id), { state: 'succeeded', owner: null, role: 'service_role' });
  const owners = await stack.query(
    `select f.owner, i.owner as input from tidemark.files f join tidemark.files i on i.id = (f.metadata ->> 'source')::uuid
     where f.job_id = $1 order by 1`,
    [id],
  );
  t.same(
    owners.map((row) => ({ ...row })),
    [
      { owner: 'ada', input: 'ada' },
      { owner: 'bob', input: 'bob' },
    ],
  );
  const [anonymous] = await stack.database.pools.write.transaction(
    (tx) => tx.query('select count(*)::int as n from tidemark.files where job_id = $1', [id]),
    { identity: { role: 'anon', claims: '{}' } },
  );
  t.equal(anonymous?.n, 0);
});

t.test('a prefix may be limited to one bucket', async (t) => {
  await stack.addImages('x/', 1, { owner: 'ada', seed: 5 });
  await stack.addImages('x/', 2, { owner: 'bob', seed: 6 });
  const done = async (input: object) => (await stack.ended(await stack.insertJob({ input, transform }))).done;
  t.equal(await done({ prefix: 'x/' }), 3, 'else of all that the job may see');
  t.equal(await done({ prefix: 'x/', bucket: '~bob' }), 2);
});

t.test('an input that was hidden or deleted after planning is not read any more', async (t) => {
  const plan = async (files: unknown[]) => {
    const id = await stack.insertJob({ input: { files }, transform }, { role: 'authenticated', sub: 'ada' });
    return stack.ended(id);
  };
  t.match(await plan(adas), { state: 'succeeded', done: 4 });
  // As the planner leaves it, with one input of somebody else and one that is gone: as if hidden since.
  const id = await stack.insertJob(
    { input: { files: [] }, transform },
    { role: 'authenticated', sub: 'ada', kind: 'wait' },
  );
  const items = [adas[0], bobs[0], '123e4567-e89b-42d3-a456-426614174000'].map((file, index) => ({
    index,
    input: { file, name: `${index}.png` },
    attempts: 0,
  }));
  await stack.ended(id);
  await stack.query(
    `update tidemark.jobs set kind = 'image.transform', state = 'running', total = 3, planned_all = true, error = null, finished_at = null where id = $1`,
    [id],
  );
  await stack.query(`insert into tidemark.job_chunks (job_id, chunk, items) values ($1, 0, $2)`, [
    id,
    JSON.stringify(items),
  ]);
  const job = await stack.ended(id);
  t.match(job, { state: 'partly_failed', done: 1, failed: 2 });
  t.same(
    job.error.items.map((item: { code: string; file: string }) => [item.code, item.file]),
    [
      ['BATCH_INPUT_HIDDEN', bobs[0]],
      ['BATCH_INPUT_HIDDEN', '123e4567-e89b-42d3-a456-426614174000'],
    ],
  );
});

t.test('the planner enforces the quota of items of one identity', async (t) => {
  await stack.query(`insert into tidemark.job_limits values ('authenticated', 524288, 100, 3)`);
  t.teardown(() => stack.query(`delete from tidemark.job_limits where role = 'authenticated'`));
  const id = await stack.insertJob({ input: { files: adas }, transform }, { role: 'authenticated', sub: 'ada' });
  t.match(await stack.ended(id), {
    state: 'failed',
    error: { code: 'BATCH_ITEMS_QUOTA', message: /4 items.*3 are allowed/ },
  });
});

t.test('an error that was not foreseen leaves its text and stack in the log, not on the row', async (t) => {
  await stack.query(`create function public.secret_path() returns boolean language plpgsql as
    $$ begin raise exception 'cannot open /srv/secret/host-7' using errcode = '22000'; end $$`);
  await stack.query(
    'create policy broken on tidemark.files as restrictive for select to authenticated using (public.secret_path())',
  );
  t.teardown(() => stack.query('drop policy broken on tidemark.files'));
  const id = await stack.insertJob({ input: { files: adas }, transform }, { role: 'authenticated', sub: 'ada' });
  const job = await stack.ended(id);
  t.match(job, { state: 'failed', error: { code: 'BATCH_PLANNING_FAILED', hint: /log/ } });
  t.notMatch(JSON.stringify(job.error), /secret|host-7|at .*\.(js|ts)|select/);
  // The row is written before the log, which comes through a pipe.
  t.ok(await until(async () => batch.log().includes('host-7'), 'the reason in the log'));
});
