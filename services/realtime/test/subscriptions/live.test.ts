import type { LiveChange } from '@tidemark/contracts';
import { until } from '@tidemark/testing';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { MATCHES, startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `${MATCHES}
create table public.plain (id int primary key, grp int not null, big text);
grant select on public.plain to anon;
alter publication tidemark add table public.plain;
create table public.unpublished (id int primary key);
create table public.keyless (id int);
alter publication tidemark add table public.keyless;
grant select on public.keyless to anon;
grant select on public.unpublished to anon;
create table public.secret (id int primary key);
alter publication tidemark add table public.secret;
create table public.half (id int primary key, shown text, hidden text);
grant select (id, shown) on public.half to anon;
alter publication tidemark add table public.half;
create table public."odd.name é" (id int primary key, "a ""b" numeric);
grant select on public."odd.name é" to anon;
alter publication tidemark add table public."odd.name é";
`;

t.test('live queries', async (t) => {
  const service = await startTestRealtime(SETUP);
  t.teardown(() => service.stop());
  const connect = () => new LiveClient(service.url).open();

  t.test('delivers a row that was inserted with plain SQL', async (t) => {
    const client = await connect();
    const topic = await client.subscribe('s1', 'commentary?match_id=eq.42', { snapshot: true });
    const [snapshot] = client.frames.filter((frame) => frame.op === 'snapshot');
    t.same(snapshot?.rows, []);
    await service.sql(`insert into commentary (match_id, minute, body) values (42, 90, 'Goal'), (43, 1, 'elsewhere')`);
    const change = await client.change(() => true);
    t.match(change, { type: 'insert', row: { match_id: 42, minute: 90, body: 'Goal' } });
    t.equal(client.changes(topic).length, 1);
    await client.close();
  });

  t.test('sends enter and leave when an update moves rows in and out of a filter', async (t) => {
    const client = await connect();
    await service.sql(`insert into commentary (match_id, minute) values (7, 1)`);
    await service.replayed();
    const topic = await client.subscribe('s', 'commentary?match_id=eq.7&select=id,minute', { snapshot: true });
    const [{ rows }] = client.frames.filter((frame) => frame.op === 'snapshot') as unknown as [
      { rows: { id: number }[] },
    ];
    t.equal(rows.length, 1);
    const id = rows[0]?.id;
    await service.sql(`update commentary set minute = 2 where id = $1`, [id]);
    await service.sql(`update commentary set match_id = 8 where id = $1`, [id]);
    await service.sql(`update commentary set minute = 3 where id = $1`, [id]);
    await service.sql(`update commentary set match_id = 7 where id = $1`, [id]);
    await service.sql(`delete from commentary where id = $1`, [id]);
    await client.change((change) => change.type === 'delete');
    t.same(client.changes(topic), [
      { type: 'update', row: { id, minute: 2 } },
      { type: 'leave', old: { id, minute: 2 } },
      { type: 'enter', row: { id, minute: 3 } },
      { type: 'delete', old: { id, minute: 3 } },
    ]);
    await client.close();
  });

  t.test('sends only the key of a row that left, without whole old rows', async (t) => {
    const client = await connect();
    await service.sql(`insert into plain values (1, 1, null), (2, 2, null)`);
    await service.replayed();
    await client.subscribe('s', 'plain?grp=eq.1&select=id', { snapshot: true });
    await service.sql(`update plain set grp = 5 where id = 1`);
    await service.sql(`update plain set id = 3, grp = 1 where id = 2`);
    await service.sql(`delete from plain where id = 3`);
    await client.change((change) => change.type === 'delete');
    t.same(client.changes(), [
      { type: 'leave', old: { id: 1 } },
      { type: 'update', row: { id: 3 }, old: { id: 2 } },
      { type: 'delete', old: { id: 3 } },
    ]);
    await client.close();
  });

  t.test('resyncs for a TOASTed value that was not sent', async (t) => {
    const client = await connect();
    await service.sql(
      `insert into plain select 10, 3, string_agg(md5(i::text), '') from generate_series(1, 2000) as s (i)`,
    );
    await service.replayed();
    const all = await client.subscribe('all', 'plain?grp=eq.3', { snapshot: true });
    const some = await client.subscribe('some', 'plain?grp=eq.3&select=id,grp', { snapshot: true });
    await service.sql(`update plain set grp = grp where id = 10`);
    const resync = await client.frame((frame) => frame.op === 'resync');
    t.match(resync, { topic: all, reason: /big.*replica identity full/ });
    await client.change((change) => change.type === 'update');
    t.match(client.changes(some), [{ type: 'update', row: { id: 10 } }]);
    await client.close();
  });

  t.test('keeps the digits of numbers and the form of names and values', async (t) => {
    const client = await connect();
    const query = `${encodeURIComponent('odd.name é')}?select=id,x:"a \\"b"&"a \\"b"=gt.12345678901234567890`;
    await client.subscribe('s', query, { snapshot: true });
    const texts: string[] = [];
    client.ws.on('message', (data) => texts.push(String(data)));
    await service.sql(`insert into "odd.name é" values (1, 12345678901234567890.10), (2, 12345678901234567889.99)`);
    await client.change(() => true);
    t.match(texts.join(), '"row":{"id":1,"x":12345678901234567890.10}');
    t.equal(client.changes().length, 1);
    await client.close();
  });

  t.test('sends committed savepoints, and nothing that was rolled back', async (t) => {
    const client = await connect();
    await client.subscribe('s', 'commentary?match_id=eq.100');
    await service.sql(`begin; insert into commentary (match_id, body) values (100, 'no'); rollback`);
    await service.sql(`begin; insert into commentary (match_id, body) values (100, 'first');
      savepoint a; insert into commentary (match_id, body) values (100, 'undone'); rollback to a;
      savepoint b; insert into commentary (match_id, body) values (100, 'second'); commit`);
    await client.change((change) => change.row?.body === 'second');
    t.same(
      client.changes().map((change) => change.row?.body),
      ['first', 'second'],
    );
    t.equal(client.frames.filter((frame) => frame.op === 'changes').length, 1, 'one frame for the transaction');
    await client.close();
  });

  t.test('resyncs for a truncate', async (t) => {
    const client = await connect();
    const topic = await client.subscribe('s', 'plain', { snapshot: true });
    await service.sql('truncate plain');
    t.match(await client.frame((frame) => frame.op === 'resync'), { topic, reason: /truncated/ });
    await client.subscribe('s', 'plain', { snapshot: true });
    await client.close();
  });

  t.test('resumes after the last position, also on another instance', async (t) => {
    // Its ring is too small for the position: JetStream is read.
    const other = await service.another({ RING_BYTES: '65536' });
    /** Returns undefined where a role of the server changed meanwhile, as other test files do: the position is refused. */
    async function resume(url: string, match: number, position: string): Promise<LiveClient | undefined> {
      const again = await new LiveClient(url).open();
      t.teardown(() => again.close());
      await again.subscribe('s', `commentary?match_id=eq.${match}`, { after: position });
      const isLast = (frame: { op: string; changes?: LiveChange[] }) =>
        frame.op === 'changes' && frame.changes?.some(({ row }) => row?.minute === 1501) === true;
      const end = await again.frame((frame) => frame.op === 'resync' || isLast(frame));
      if (end.op === 'resync') t.match(end.reason, /roles have changed/);
      return end.op === 'resync' ? undefined : again;
    }
    async function resumed(match: number): Promise<boolean> {
      const client = await connect();
      await client.subscribe('s', `commentary?match_id=eq.${match}`, { snapshot: true });
      await service.sql(`insert into commentary (match_id, minute) values (${match}, 1)`);
      await client.change(() => true);
      const { position } = await client.frame((frame) => frame.op === 'changes');
      await client.close();
      await service.sql(
        `insert into commentary (match_id, minute) select ${match}, n from generate_series(2, 1500) as s (n)`,
      );
      await service.sql(`insert into commentary (match_id, minute) values (${match}, 1501)`);
      for (const url of [service.url, other.url]) {
        const again = await resume(url, match, position);
        if (!again) return false;
        t.same(
          again.changes().map((change) => change.row?.minute),
          Array.from({ length: 1500 }, (_, n) => n + 2),
        );
        const last = again.frames.filter((frame) => frame.op === 'changes').map((frame) => frame.position);
        t.same(last, [...last].sort(), 'positions sort as text');
      }
      return true;
    }
    let match = 200;
    while (!(await resumed(match)) && match < 210) match += 1;
    t.ok(match < 210, 'roles change seldom');
    await other.stop();
  });

  t.test('resyncs for a position of another epoch or one that is too old', async (t) => {
    const client = await connect();
    for (const after of ['000000001-0000000000000010', `${epochOf(service)}-0000000000000010.00000000`]) {
      const topic = await client.subscribe('s', 'commentary?match_id=eq.1', { after });
      t.match(await client.frame((frame) => frame.op === 'resync' && frame.topic === topic), { reason: /position/ });
      await until(() => service.realtime.socketStats().subscriptions === 0, 'the subscription to end');
    }
    await client.close();
  });

  t.test('rejects queries that cannot be live with the reason, and keeps the socket open', async (t) => {
    const client = await connect();
    const cases: [string, Record<string, unknown>, string, RegExp][] = [
      ['commentary?select=*,matches(*)', {}, 'RT_QUERY_UNSUPPORTED', /embedded table/],
      ['commentary?select=id,count()', {}, 'RT_QUERY_UNSUPPORTED', /aggregate/],
      ['commentary?select=id::text', {}, 'RT_QUERY_UNSUPPORTED', /cast/],
      ['commentary?order=id', {}, 'RT_WINDOW_NEEDS_LIMIT', /order without limit/],
      ['commentary?minute=like.1*', {}, 'RT_QUERY_UNSUPPORTED', /minute.*does not have the operator/],
      ['commentary?match_id=eq.x', {}, 'RT_QUERY_UNSUPPORTED', /match_id.*not valid for the type/],
      ['commentary?nope=eq.1', {}, 'RT_COLUMN_UNKNOWN', /nope/],
      ['commentary?select=body', {}, 'RT_KEY_NOT_SELECTED', /id/],
      ['commentary?match_id=zz.1', {}, 'PGRST100', /./],
      ['nowhere', {}, 'RT_TABLE_UNKNOWN', /nowhere/],
      ['unpublished', {}, 'RT_TABLE_NOT_LIVE', /not published/],
      ['secret', {}, '42501', /permission denied/],
      ['half', {}, '42501', /hidden/],
      ['half?select=id&hidden=eq.x', {}, '42501', /hidden/],
      ['rpc/f', {}, 'RT_QUERY_UNSUPPORTED', /not the name of a table/],
      ['commentary', { profile: 'pg_catalog' }, 'RT_SCHEMA_UNKNOWN', /pg_catalog/],
      ['keyless', { mode: 'latest' }, 'RT_LATEST_NEEDS_KEY', /keyless/],
      ['commentary', { snapshot: true, after: '000000001-0000000000000010' }, 'RT_OPTIONS_CONFLICT', /exclude/],
    ];
    for (const [n, [query, more, code, message]] of cases.entries()) {
      client.send({ op: 'subscribe', id: `q${n}`, query, ...more });
      const answer = await client.frame((frame) => frame.id === `q${n}`);
      t.match(answer, { op: 'error', code, message, retry: false }, query);
    }
    await client.subscribe('half', 'half?select=id,shown', { snapshot: true });
    await service.sql(`insert into half values (1, 'shown', 'hidden')`);
    t.same(await client.change(() => true), { type: 'insert', row: { id: 1, shown: 'shown' } });
    t.match(await client.refusal('half', 'commentary'), { code: 'RT_ID_IN_USE' });
    t.equal(service.realtime.socketStats().subscriptions, 1);
    await client.close();
    await until(() => service.realtime.socketStats().topics === 0, 'the topics to be forgotten');
  });

  t.test('resyncs subscriptions after a changed grant', async (t) => {
    const client = await connect();
    const topic = await client.subscribe('s', 'plain', { snapshot: true });
    await service.sql('revoke select on plain from anon');
    t.match(await client.frame((frame) => frame.op === 'resync'), { topic, reason: /rights/ });
    await until(async () => {
      client.frames.length = 0;
      return client.subscribe('s', 'plain').then(
        () => false,
        (error) => error.frame.code === '42501',
      );
    }, 'the refusal');
    await service.sql('grant select on plain to anon');
    await client.close();
  });

  t.test('shows users only their own jobs', async (t) => {
    const mine = await new LiveClient(service.url, {
      token: await token({ role: 'authenticated', sub: 'ann' }),
    }).open();
    const topic = await mine.subscribe('s', 'jobs?select=id,state,owner', { profile: 'tidemark', snapshot: true });
    await service.sql(
      `insert into tidemark.jobs (kind, spec, owner, role) values ('x', '{}', 'bob', 'authenticated'), ('x', '{}', 'ann', 'authenticated')`,
    );
    await mine.change(() => true);
    t.match(mine.changes(topic), [{ type: 'insert', row: { owner: 'ann' } }]);
    const refused = await mine.refusal('claims', 'jobs?select=id,claims', { profile: 'tidemark' });
    t.equal(refused.code, 'RT_COLUMN_UNKNOWN', 'claims are not in the table that is followed');
    await mine.close();
  });
});

function epochOf(service: { realtime: { relay: { stats(): { epoch: string | null } } | undefined } }): string {
  return service.realtime.relay?.stats().epoch ?? '';
}
