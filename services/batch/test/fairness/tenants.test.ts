/** Tenants share the threads and the places: what one of them has queued does not make another one wait. */
import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

const TROUBLE = { BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)) };
const as = (sub: string) => ({ kind: 'trouble', role: 'authenticated', sub });

t.test('ten items of a tenant pass the many jobs of another one', async (t) => {
  const stack = await openBatchStack(t);
  await stack.startBatch({ ...TROUBLE, BATCH_THREADS: '2', BATCH_RUNNING_JOBS: '8' });
  const big = await Promise.all(Array.from({ length: 12 }, () => stack.insertJob({ items: 400, ms: 20 }, as('big'))));
  const places = async (tenant: string) =>
    (await stack.query(`select id from tidemark.jobs where state in ('planning', 'running') and tenant = $1`, [tenant]))
      .length;
  await until(async () => (await places('big')) > 2, 'the big tenant to run');
  const small = await stack.insertJob({ items: 10, ms: 20 }, as('small'));
  await stack.ended(small);
  const [during] = await stack.query(
    `select count(*)::int as items from tidemark.job_items i, tidemark.jobs s
     where s.id = $1 and i.job_id <> s.id and i.ended_at between s.created_at and s.finished_at`,
    [small],
  );
  // Its fair share is one item for each of the other's; a chunk of 16 and the first measured item may come before.
  t.ok(during?.items < 200, `${during?.items} of 4,800 items of the other tenant ended meanwhile`);
  t.ok((await places('big')) <= 4, 'a tenant takes places while it has fewer than are free');
  for (const id of big) await stack.query(`update tidemark.jobs set state = 'cancelled' where id = $1`, [id]);
});

t.test('long items leave a thread to others', async (t) => {
  const stack = await openBatchStack(t);
  await stack.startBatch({ ...TROUBLE, BATCH_THREADS: '2', BATCH_CHUNK_ITEMS: '1' });
  const long = await stack.insertJob({ items: 20, ms: 4_000 }, as('long'));
  await until(async () => {
    const [row] = await stack.query('select count(*)::int as n from tidemark.job_items where job_id = $1', [long]);
    return row?.n > 0;
  }, 'a long item to end');
  const short = await stack.insertJob({ items: 5, ms: 1 }, as('short'));
  const ended = await stack.ended(short);
  const [during] = await stack.query(
    `select count(*)::int as n from tidemark.job_items where job_id = $1 and ended_at between $2 and $3`,
    [long, ended.created_at, ended.finished_at],
  );
  t.ok(during?.n <= 1, 'no long item had to end for the short ones');
  await stack.query(`update tidemark.jobs set state = 'cancelled' where id = $1`, [long]);
});

t.test('the tenant is a claim of the token, and not a column that a client may set', async (t) => {
  const stack = await openBatchStack(t);
  await stack.startBatch({ BATCH_TENANT_CLAIM: 'app.team' });
  const insert = (claims: object, columns = '', values = '') =>
    stack.database.pools.write.transaction(
      (tx) =>
        tx.query(
          `insert into tidemark.jobs (kind, spec${columns}) values ('noop', '{"items": 0}'${values}) returning tenant`,
        ),
      { identity: { role: 'authenticated', claims: JSON.stringify(claims) } },
    );
  t.match(await insert({ sub: 'ada', app: { team: 'blue' } }), [{ tenant: 'blue' }]);
  t.match(await insert({ sub: 'ada', 'app.team': 'red' }), [{ tenant: 'red' }]);
  t.match(await insert({ sub: 'ada' }), [{ tenant: 'ada' }], 'without the claim, the subject');
  await t.rejects(insert({ sub: 'ada' }, ', tenant', `, 'blue'`), { code: '42501' });
});
