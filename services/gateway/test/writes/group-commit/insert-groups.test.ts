/** Joined inserts below the HTTP layer: older servers, column rights, and the keeping of Idempotency-Keys. */

import { openDatabase } from '@tidemark/db';
import type { WriteRow } from '@tidemark/plan';
import { createMetrics } from '@tidemark/service';
import { metricsPage } from '@tidemark/testing';
import t from 'tap';
import { InsertGroups } from '../../../src/writes/group-commit/insert-groups.ts';
import { startIdempotencySweeper } from '../../../src/writes/idempotency/sweeper.ts';
import { useGateway } from '../../gateway-fixture.ts';

const STAYS = { isGone: false, onGone: () => () => undefined };
const script = `create table numbers (id integer primary key check (id <> 13), word text, hidden text default 'x');
grant insert (id, word), select (id, word) on numbers to authenticated;`;
const gateway = await useGateway(t, { script });
const { sql } = gateway;

t.test('without MERGE … RETURNING the rows are statements of one transaction', async (t) => {
  const db = await openDatabase({ primaryUrl: gateway.database.primaryUrl, applicationName: 'test' });
  t.teardown(() => db.close());
  const metrics = createMetrics('test');
  // Not prepared: it does not know the server's version, as if that were an older one.
  const limits = { rows: 50, bytes: 10_000, waiting: 1_000, waitingBytes: 1_000_000, identityPercent: 100 };
  let committed = 0;
  const groups = new InsertGroups(db, metrics, limits, () => {
    committed += 1;
  });
  const submit = (id: number) =>
    new Promise<{ row: WriteRow; tidemark: string }>((resolve, reject) => {
      groups.submit({
        queue: 'numbers',
        table: 1,
        row: `{"id":${id}}`,
        client: STAYS,
        identity: () => ({ role: 'authenticated', claims: '{}' }),
        alone: () => ({
          text: `with "_written" as (insert into numbers (id) values ($1) returning id) select id::text as body, 1 as rows from "_written"`,
          params: [id],
        }),
        resetAfter: false,
        grouped: { text: 'not used', params: [] },
        done: (row, tidemark) => resolve({ row, tidemark }),
        failed: reject,
      });
    });
  const answers = await Promise.allSettled(Array.from({ length: 100 }, (_, id) => submit(id)));
  for (const [id, answer] of answers.entries()) {
    if (id === 13) t.match(answer, { status: 'rejected', reason: { code: '23514' } });
    else t.match(answer, { status: 'fulfilled', value: { row: { body: String(id) } } });
  }
  const joined = await metrics.registry.getSingleMetricAsString('tidemark_insert_groups_rows_total');
  t.ok(Number(/ (\d+)$/m.exec(joined)?.[1]) > 50, joined);
  t.ok(committed > 1 && committed < 99, `${committed} commits`);
  t.equal((await sql`select 1 from numbers`).length, 99);
});

t.test('inserts with rights on the columns only', async (t) => {
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      gateway.request('/rest/v1/numbers?select=id,word', {
        method: 'POST',
        claims: { role: 'authenticated', sub: 'ada' },
        headers: { prefer: ['return=representation', 'return=minimal'][i % 2] ?? '' },
        body: JSON.stringify({ id: 1_000 + i, word: String(i) }),
      }),
    ),
  );
  t.ok(answers.every(({ status }) => status === 201));
  const page = await metricsPage(gateway.url);
  t.match(page, /^tidemark_insert_groups_total\{[^}]*\} [1-9]/m);
  t.match(page, /^tidemark_insert_groups_failed_total\{[^}]*\} 0/m, 'none had to be taken apart');
});

t.test('expired keys are removed in steps, and a full table takes no more', async (t) => {
  const db = await openDatabase({ primaryUrl: gateway.database.primaryUrl, applicationName: 'test' });
  t.teardown(() => db.close());
  await sql`insert into tidemark.idempotency_keys
    select 's', g::text, 'f', 201, '{}', '', now() + case when g <= 2500 then interval '-1 s' else interval '1 h' end from generate_series(1, 2510) g`;
  const sweeper = startIdempotencySweeper({
    db,
    metrics: createMetrics('test'),
    limits: { keys: 10, bytes: 1_000_000, identityPercent: 30 },
    onError: (error) => t.fail(error.message),
  });
  t.teardown(() => sweeper.stop());
  t.doesNotThrow(() => sweeper.budget.admit('s'), 'nothing was counted yet');
  await sweeper.sweep();
  t.equal((await sql`select 1 from tidemark.idempotency_keys`).length, 10);
  t.throws(() => sweeper.budget.admit('else'), { code: 'GATEWAY_IDEMPOTENCY_FULL', status: 503 });
  await sql`delete from tidemark.idempotency_keys`;
  await sweeper.sweep();
  t.doesNotThrow(() => sweeper.budget.admit('else'));

  // Over half of the room is taken: who has most of it waits, and the others go on.
  await sql`insert into tidemark.idempotency_keys
    select case when g <= 4 then 'ada' else 'bob' || g end || ' route', g::text, 'f', 201, '{}', repeat('x', 1000), now() + interval '1 h' from generate_series(1, 6) g`;
  await sweeper.sweep();
  t.throws(() => sweeper.budget.admit('ada'), { code: 'GATEWAY_IDEMPOTENCY_SHARE', status: 429 });
  t.doesNotThrow(() => sweeper.budget.admit('bob5'));
  t.ok(sweeper.budget.bytes.used > 6 * 1_000 && sweeper.budget.bytes.usedBy('ada') > 4 * 1_000, 'bytes are counted');
  t.throws(() => sweeper.budget.admit('cyd', 900_000_000), { code: 'GATEWAY_IDEMPOTENCY_FULL' });
  for (let n = 0; n < 3; n++) sweeper.budget.keep('cyd', 10);
  t.throws(() => sweeper.budget.keep('cyd', 10), { code: 'GATEWAY_IDEMPOTENCY_SHARE' }, 'what was kept since counts');
});
