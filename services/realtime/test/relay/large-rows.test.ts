/** Tests rows that are too large for a message: only subscribers that may see the row and selected a missing column resync. */
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const own = `(owner = current_setting('request.jwt.claims', true)::json ->> 'sub')`;
const SETUP = `
create table public.papers (id int primary key, owner text not null, label text not null default '', body text);
create table public.judged (id int primary key, owner text not null, body text);
create table public.open (id int primary key, kind text not null, body text);
alter table public.papers replica identity full;
alter table public.judged replica identity full;
alter table public.open replica identity full;
alter table public.papers enable row level security;
alter table public.judged enable row level security;
create policy own on public.papers for select to authenticated using ${own};
-- It reads the very column that is too large.
create policy own on public.judged for select to authenticated using (${own} and body not like 'secret%');
grant select on public.papers, public.judged, public.open to authenticated;
alter publication tidemark add table public.papers, public.judged, public.open;`;

t.test('rows that are too large for a message', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const connect = async (sub: string) =>
    new LiveClient(service.url, { token: await token({ role: 'authenticated', sub }) }).open();
  const resyncs = (client: LiveClient) => client.frames.filter(({ op }) => op === 'resync');

  t.test(
    'resyncs under row-level security only subscribers that may see the row and selected the large column',
    async (t) => {
      const ann = await connect('ann');
      const bob = await connect('bob');
      const whole = await ann.subscribe('whole', 'papers');
      const part = await ann.subscribe('part', 'papers?select=id,label');
      const other = await ann.subscribe('other', 'papers?label=eq.other');
      await bob.subscribe('bob', 'papers');
      await service.sql(`insert into papers values (1, 'ann', 'big', repeat('x', 2000000))`);
      t.match(await ann.frame(({ op }) => op === 'resync'), {
        topic: whole,
        reason: 'a row was too large to be sent whole, or one of its values could not be read',
      });
      await until(() => ann.changes(part).length === 1, 'the row without its large column');
      t.same(ann.changes(part), [{ type: 'insert', row: { id: 1, label: 'big' } }]);
      await service.sql(`update papers set label = 'smaller', body = 'short' where id = 1`);
      await service.sql(`insert into papers values (2, 'ann', 'other', ''), (3, 'bob', 'last', '')`);
      await bob.change(({ row }) => row?.id === 3);
      await until(() => ann.changes(other).length === 1 && ann.changes(part).length === 3, 'what is sent as always');
      t.same(ann.changes(part)[1], { type: 'update', row: { id: 1, label: 'smaller' } });
      t.same([resyncs(ann).length, resyncs(bob).length], [1, 0]);
      t.equal(bob.changes().length, 1, 'nothing of the rows of another');
      await service.sql(`update papers set body = repeat('x', 700000) where id = 2`);
      await service.sql(`delete from papers where id = 2`);
      await until(() => ann.changes(part).some(({ type }) => type === 'delete'), 'a large row to be deleted');
      t.same(ann.changes(part).at(-1), { type: 'delete', old: { id: 2, label: 'other' } });
      t.equal(resyncs(bob).length, 0);
      await Promise.all([ann.close(), bob.close()]);
    },
  );

  t.test('resyncs only subscribers whose rows it may be, where the policies read the large column', async (t) => {
    const ann = await connect('ann');
    const bob = await connect('bob');
    await ann.subscribe('a', 'judged?select=id');
    await bob.subscribe('b', 'judged?select=id');
    await service.sql(`insert into judged values (1, 'ann', 'secret' || repeat('x', 2000000))`);
    t.match(await ann.frame(({ op }) => op === 'resync'), { reason: /too large/ });
    await service.sql(`insert into judged values (2, 'bob', 'x')`);
    await bob.change(({ row }) => row?.id === 2);
    t.equal(resyncs(bob).length, 0);
    t.same(ann.changes(), [], 'not even its key');
    await Promise.all([ann.close(), bob.close()]);
  });

  t.test('resyncs by the filter without row-level security, and passes a value of 20 MB', async (t) => {
    const client = await connect('ann');
    await client.subscribe('x', 'open?kind=eq.x');
    const y = await client.subscribe('y', 'open?kind=eq.y');
    await service.sql(
      `insert into open values (1, 'y', repeat('y', 2000000)), (2, 'z', repeat('z', 20000000)), (3, 'x', 'x')`,
    );
    await client.change(({ row }) => row?.id === 3);
    t.same(
      resyncs(client).map(({ topic }) => topic),
      [y],
    );
    t.equal(service.realtime.relay?.stats().role, 'active');
    await client.close();
  });
});
