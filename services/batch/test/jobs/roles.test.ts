/** Rights that change while a job runs: a role that is dropped, a policy that becomes stricter, a token that expires. */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const role = `tidemark_test_${randomBytes(6).toString('hex')}`;
const stack = await openBatchStack(t);
await stack.query(`create role ${role}`);
await stack.query(`grant ${role} to current_user`);
t.teardown(() => stack.query(`drop role if exists ${role}`));
await stack.query(`grant usage on schema tidemark to ${role}`);
await stack.startBatch({
  BATCH_KINDS: fileURLToPath(new URL('../*.js', import.meta.url)),
  BATCH_CHUNK_ITEMS: '2',
  BATCH_WINDOW: '2',
  JWT_ROLES: `authenticated,service_role,${role}`,
});

const insert = async (kind: string, spec: object, runAs: string) =>
  (
    await stack.query('insert into tidemark.jobs (kind, spec, role) values ($1, $2, $3) returning id', [
      kind,
      JSON.stringify(spec),
      runAs,
    ])
  )[0]!.id as string;
const someDone = (id: string) =>
  until(async () => {
    const [row] = await stack.query('select count(*)::int as n from tidemark.job_items where job_id = $1', [id]);
    return row?.n >= 3;
  }, 'some items');

t.test('when the role is dropped, what is left of the job fails', async (t) => {
  const paged = await insert('trouble', { items: 60, ms: 50 }, role);
  const planned = await insert('trouble', { items: 6, ms: 400 }, role);
  await someDone(paged);
  await until(async () => (await stack.job(planned)).planned_all, 'the other one to be planned');
  await stack.query(`drop owned by ${role}`);
  await stack.query(`drop role ${role}`);
  const ended = await stack.ended(paged);
  t.match(ended, { state: 'partly_failed' });
  t.ok(ended.done >= 3 && ended.done < 60, `${ended.done} of 60 were done`);
  const codes = await stack.query(
    `select distinct code from tidemark.job_items where job_id in ($1, $2) and state = 'failed'`,
    [paged, planned],
  );
  t.same(codes, [{ code: 'BATCH_ROLE_REFUSED' }]);
  const rest = await stack.ended(planned);
  t.ok(rest.failed > 0 && rest.done + rest.failed === 6, `${rest.failed} of 6 failed, each by itself`);
  const next = await stack.ended(await insert('noop', { items: 1 }, role));
  t.match(next, { state: 'failed', error: { code: 'BATCH_ROLE_REFUSED' } });
});

t.test('a stricter policy holds from the next page on', async (t) => {
  for (let n = 0; n < 60; n += 1) {
    await stack.addFile(`in/${String(n).padStart(2, '0')}.txt`, Buffer.from('one two'), { owner: 'ada' });
  }
  const id = await stack.insertJob(
    { prefix: 'in/', ms: 30 },
    { kind: 'slow.files', role: 'authenticated', sub: 'ada' },
  );
  await someDone(id);
  await stack.query(
    `create policy stricter on tidemark.files as restrictive for select to authenticated using (path < 'in/40')`,
  );
  t.teardown(() => stack.query('drop policy stricter on tidemark.files'));
  const ended = await stack.ended(id, 60_000);
  t.ok(ended.total < 60, `${ended.total} of 60 files were planned`);
  const [seen] = await stack.query(
    `select count(*)::int as n from tidemark.job_items i where job_id = $1 and state = 'succeeded' and value ->> 'path' >= 'in/40'`,
    [id],
  );
  t.equal(seen?.n, 0, 'no hidden file was read');
  t.equal(ended.done, 40);
});

t.test('a job goes on when the token that started it has expired', async (t) => {
  const claims = { role: 'authenticated', sub: 'ada', exp: Math.floor(Date.now() / 1_000) - 60 };
  const [job] = await stack.database.pools.write.transaction(
    (tx) => tx.query(`select id from tidemark.submit_job('trouble', '{"items": 20, "ms": 20}')`),
    { identity: { role: 'authenticated', claims: JSON.stringify(claims) } },
  );
  t.match(await stack.ended(job?.id), { state: 'succeeded', done: 20 });
});
