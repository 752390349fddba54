import { fileURLToPath } from 'node:url';
import { until } from '@tidemark/testing';
import t from 'tap';
import { openBatchStack } from '../batch-stack.ts';

t.test('jobs that ended long ago are deleted with their items and outputs, and no others', async (t) => {
  const stack = await openBatchStack(t);
  await stack.addImages('in/', 4);
  const env = { BATCH_RETAIN_DAYS: '30' };
  const first = await stack.startBatch(env);
  const transform = { resize: { width: 10 } };
  const old = await stack.insertJob({ input: { prefix: 'in/' }, transform });
  const young = await stack.insertJob({ input: { prefix: 'in/' }, transform });
  await Promise.all([old, young].map((id) => stack.ended(id)));
  await first.stop();
  await stack.query(`update tidemark.jobs set finished_at = now() - interval '31 days' where id = $1`, [old]);
  await stack.query(`update tidemark.jobs set finished_at = now() - interval '29 days' where id = $1`, [young]);
  // More rows than one step deletes.
  await stack.query(
    `insert into tidemark.job_items (job_id, index, state, attempts) select $1, n, 'succeeded', 1 from generate_series(1000, 2600) as n`,
    [old],
  );
  // Somebody deleted this one by hand, and its outputs are left.
  await stack.addFile('out/orphan.png', Buffer.from('x'));
  await stack.addFile('out/young-orphan.png', Buffer.from('y'));
  await stack.query(
    `update tidemark.files set job_id = gen_random_uuid(), created_at = now() - case path when 'out/orphan.png' then interval '31 days' else '1 day' end
     where path like 'out/%'`,
  );
  await stack.startBatch(env);
  await until(async () => (await stack.job(old)) === undefined, 'the deletion');
  const left = (table: string) =>
    stack.query(
      `select count(*) filter (where job_id = $1)::int as old, count(*) filter (where job_id = $2)::int as young
      from tidemark.${table}`,
      [old, young],
    );
  for (const table of ['files', 'job_items', 'job_chunks', 'job_requests']) {
    const [row] = await left(table);
    t.equal(row?.old, 0, table);
    t.ok(row?.young > 0, `${table} of the other job`);
  }
  const orphans = () => stack.query(`select path from tidemark.files where path like 'out/%'`);
  t.match(await until(async () => (await orphans()).length === 1 && orphans(), 'the orphan'), [
    { path: 'out/young-orphan.png' },
  ]);
  t.equal((await stack.query(`select from tidemark.files where path like 'in/%'`)).length, 4, 'inputs stay');
});

t.test('the service role of batch alone may delete so', async (t) => {
  const stack = await openBatchStack(t);
  const id = await stack.insertJob({ items: 1, throws: 0 }, { kind: 'trouble' });
  const batch = await stack.startBatch({
    BATCH_KINDS: fileURLToPath(new URL('../trouble.js', import.meta.url)),
    BATCH_MAX_ATTEMPTS: '1',
  });
  await stack.ended(id);
  await batch.stop();
  const asBatch = (text: string) =>
    stack.database.pools.write.transaction(async (tx) => {
      await tx.query('set local role tidemark_batch');
      return tx.query(text);
    });
  await stack.query(`update tidemark.jobs set finished_at = null where id = $1`, [id]);
  t.same(await asBatch('delete from tidemark.jobs returning id'), [], 'a job that has not ended');
  await stack.query(`update tidemark.jobs set finished_at = now() where id = $1`, [id]);
  await asBatch('delete from tidemark.job_items');
  await asBatch('delete from tidemark.job_chunks');
  t.equal((await asBatch('delete from tidemark.jobs returning id')).length, 1);
});

t.test('a job that is deleted takes its items along, and those that are written meanwhile', async (t) => {
  const stack = await openBatchStack(t);
  const insert = async () => {
    const id = await stack.insertJob({ items: 2 }, { kind: 'noop' });
    await stack.query(`update tidemark.jobs set state = 'running', planned_all = true, total = 2 where id = $1`, [id]);
    await stack.query(`select tidemark.add_chunks($1, '[{"items": [1]}, {"items": [2]}]')`, [id]);
    await stack.query(`update tidemark.job_chunks set state = 'running', worker = 'w', attempt = 1 where job_id = $1`, [
      id,
    ]);
    return id;
  };
  const complete = (chunk: number) =>
    `select * from tidemark.complete_chunk($1, ${chunk}, 1, 'w', 1, 0, '[{"index": ${chunk}, "state": "succeeded", "attempts": 1}]',
       ${chunk}, ${chunk}, null, null, 4, true)`;
  const items = async (id: string) =>
    (await stack.query('select from tidemark.job_items where job_id = $1', [id])).length;
  for (const isolation of ['read committed', 'repeatable read'] as const) {
    const id = await insert();
    await stack.query(complete(0), [id]);
    t.equal(await items(id), 1);
    const pool = stack.database.pools.write;
    let deleted: Promise<unknown> | undefined;
    await pool.transaction(async (tx) => {
      await tx.query(complete(1), [id]);
      deleted = pool
        .transaction((other) => other.query('delete from tidemark.jobs where id = $1', [id]), { isolation })
        .catch((error: { code: string }) => error.code);
      await until(
        async () =>
          (
            await stack.query(
              `select from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete from tidemark.jobs%'`,
            )
          ).length > 0,
        'the deletion to wait',
      );
    });
    const refused = isolation === 'repeatable read' ? '40001' : undefined;
    const outcome = await deleted;
    t.equal(typeof outcome === 'string' ? outcome : undefined, refused, isolation);
    if (refused) await stack.query('delete from tidemark.jobs where id = $1', [id]);
    t.equal(await items(id), 0, isolation);
  }
  await stack.query(complete(0), [await insert()]);
  await stack.query('truncate tidemark.jobs cascade');
  t.same(await stack.query('select from tidemark.job_items'), []);
});
