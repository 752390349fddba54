/** The pages of a snapshot, whose frames are what an instance holds in memory. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { WebSocket } from 'ws';
import { startTestRealtime } from '../test-realtime.ts';

const KILOBYTES = 64;

t.test('limits the bytes of pages, wherever large rows are', async (t) => {
  const service = await startTestRealtime(`
    create table public.papers (id int primary key, body text);
    grant select on public.papers to anon;
    alter publication tidemark add table public.papers;
    insert into public.papers select n, case when n > 30 then repeat('x', ${KILOBYTES * 1_024}) end from generate_series(1, 400) n;
    create table public.bare (id int primary key);
    grant select on public.bare to anon;
    alter publication tidemark add table public.bare;`);
  t.teardown(() => service.stop());
  const ws = new WebSocket(`${service.url}/live`, ['tidemark.v1']);
  const sizes: number[] = [];
  const ids: number[] = [];
  let ended = 0;
  ws.on('message', (data: Buffer) => {
    const frame = JSON.parse(String(data));
    if (frame.op === 'error') t.fail(JSON.stringify(frame));
    if (frame.op !== 'snapshot') return;
    sizes.push(data.length);
    for (const { id } of frame.rows) ids.push(id);
    if (frame.done) ended += 1;
  });
  await new Promise((resolve) => ws.once('open', resolve));
  ws.send(JSON.stringify({ op: 'subscribe', id: 's', query: 'papers', snapshot: true }));
  await until(() => ended === 1, 'the snapshot');
  t.same(
    ids,
    Array.from({ length: 400 }, (_, n) => n + 1),
    'every row once, in the order of the cursor',
  );
  const most = Math.max(...sizes);
  t.ok(most < 1_048_576 + 2 * KILOBYTES * 1_024, `the largest frame has ${most} bytes`);
  ws.send(JSON.stringify({ op: 'subscribe', id: 'none', query: 'bare', snapshot: true }));
  await until(() => ended === 2, 'the snapshot of an empty table');
  t.equal(ids.length, 400);
  ws.close();
});
