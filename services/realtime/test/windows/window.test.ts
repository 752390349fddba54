/** Live windows: the first rows in an order, as they change. */
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { LiveClient } from '../live-client.ts';
import { openStream } from '../open-stream.ts';
import { MATCHES, startTestRealtime, token } from '../test-realtime.ts';
import { windowRows } from './window-rows.ts';

const SETUP = `${MATCHES}
create table public.note (id int primary key, owner text not null, score numeric not null, body text);
alter table public.note replica identity full;
alter table public.note enable row level security;
create table public.muted (owner text primary key);
grant select on public.note, public.muted to authenticated;
create policy own on public.note for select to authenticated using (
  owner = current_setting('request.jwt.claims', true)::json ->> 'sub'
  and not exists (select from public.muted m where m.owner = note.owner));
create table public.keyless (n int);
grant select on public.keyless to anon;
alter publication tidemark add table public.note, public.keyless;`;

type Row = Record<string, unknown>;

const held = (client: LiveClient, topic: number): Row[] =>
  windowRows(client.frames.filter((frame) => frame.topic === topic));

t.test('windows', async (t) => {
  const service = await startTestRealtime(SETUP, { LIVE_WINDOW_MS: '30', LIVE_WINDOW_ROWS: '50' });
  t.teardown(() => service.stop());
  const open = async (t: Test, sub?: string) => {
    const options = sub === undefined ? {} : { token: await token({ role: 'authenticated', sub }) };
    const client = await new LiveClient(service.url, options).open();
    t.teardown(() => client.close());
    return client;
  };
  const equal = async (t: Test, client: LiveClient, topic: number, sql: string) => {
    const expected = JSON.stringify(await service.sql(sql));
    await until(
      () => JSON.stringify(held(client, topic)) === expected,
      () => `${expected}; it is ${JSON.stringify(held(client, topic))}`,
    );
    t.pass('equal to the database');
  };

  t.test('reports rows that enter, leave, move and are deleted, with one read for all', async (t) => {
    await service.sql(
      `insert into commentary (match_id, minute, body) select 1, n / 3, 'b' || n from generate_series(1, 30) n`,
    );
    const [first, second] = [await open(t), await open(t)] as const;
    const query = 'commentary?match_id=eq.1&select=id,minute,body&order=minute.desc&limit=5';
    const sql = `select id::int, body, minute from commentary where match_id = 1 order by minute desc, id limit 5`;
    const topic = await first.subscribe('w', query, { snapshot: true });
    t.equal(await second.subscribe('w', query, { snapshot: true }), topic);
    await equal(t, first, topic, sql);
    const shown = () => held(first, topic).map(({ id }) => id as number);
    const [, middle, last] = [shown()[0], shown()[2], shown()[4]];
    await service.sql('delete from commentary where id = $1', [middle]);
    await equal(t, first, topic, sql);
    await service.sql(`update commentary set minute = 99, body = 'up' where id = $1`, [last]);
    await equal(t, first, topic, sql);
    t.same(first.changes(topic).at(-1), { type: 'update', row: { id: last, minute: 99, body: 'up' }, index: 0 });
    const frames = first.frames.length;
    await service.sql(`insert into commentary (match_id, minute) values (1, -1)`);
    await service.sql(`insert into commentary (match_id, minute) values (2, 100)`);
    await service.sql(`insert into commentary (match_id, minute, body) values (1, 100, 'new')`);
    await equal(t, first, topic, sql);
    await equal(t, second, topic, sql);
    t.equal(first.frames.length, frames + 1, 'what is outside is not told');
    t.match(first.changes(topic).at(-2), { type: 'leave' });
    t.match(first.changes(topic).at(-1), { type: 'enter', index: 0, row: { body: 'new' } });
    await service.sql('truncate commentary');
    await equal(t, first, topic, sql);
  });

  t.test('never goes back under random writers, and ends equal to SQL', async (t) => {
    await service.sql(`insert into commentary (match_id, minute) select 7, 0 from generate_series(1, 40)`);
    const client = await open(t);
    const windows = [
      ['match_id=eq.7&select=id,minute&order=minute.desc,id.desc&limit=10', 'minute desc, id desc limit 10'],
      ['match_id=eq.7&select=id,minute&order=minute&limit=7&offset=3', 'minute, id limit 7 offset 3'],
      ['match_id=eq.7&select=id,minute,body&order=body.desc&limit=12', 'body desc, id limit 12'],
    ] as const;
    const topics: number[] = [];
    for (const [at, [query]] of windows.entries())
      topics.push(await client.subscribe(`w${at}`, `commentary?${query}`, { snapshot: true }));
    const resumed = await open(t);
    let minute = 0;
    const write = async () => {
      for (let n = 0; n < 60; n += 1) {
        const pick = Math.random();
        const one = `(select id from commentary where match_id = 7 order by random() limit 1)`;
        minute += 1;
        if (pick < 0.4) await service.sql('insert into commentary (match_id, minute) values (7, $1)', [minute]);
        else if (pick < 0.8) {
          const body = ['ä', 'Z', 'a', 'z', 'É', '_'][n % 6];
          await service.sql(`update commentary set minute = greatest(minute, $1), body = $2 where id = ${one}`, [
            minute,
            body,
          ]);
        } else await service.sql(`delete from commentary where id = ${one} and minute < $1 - 30`, [minute]);
      }
    };
    await Promise.all([write(), write(), write(), write()]);
    const sqlOf = (at: number) => {
      const columns = windows[at]?.[0].includes('body') ? 'id::int, body, minute' : 'id::int, minute';
      return `select ${columns} from commentary where match_id = 7 order by ${windows[at]?.[1]}`;
    };
    for (const [at, topic] of topics.entries()) await equal(t, client, topic, sqlOf(at));
    for (const topic of topics) {
      const newest = new Map<unknown, unknown>();
      const back = client.changes(topic).filter(({ row, old }) => {
        const { id, minute } = (row ?? old) as Row;
        const isBack = (newest.get(id) as number) > (minute as number);
        newest.set(id, minute);
        return isBack;
      });
      t.same(back, [], 'the minute of a row only grows');
    }
    const of = client.frames.filter((frame) => frame.op === 'changes' && frame.topic === topics[0]);
    const positions = of.map((frame) => frame.position as string);
    t.same(positions, [...positions].sort(), 'positions rise');
    const later = await resumed.subscribe('r', `commentary?${windows[0]?.[0]}`, { after: positions[0] });
    await resumed.frame((frame) => frame.op === 'snapshot' && frame.done);
    await equal(t, resumed, later, sqlOf(0));
  });

  t.test('keeps a window for each identity, and follows what its policy reads', async (t) => {
    await service.sql(`insert into note select n, case when n % 2 = 0 then 'ann' else 'bob' end, n % 5, 'x'
      from generate_series(1, 20) n`);
    const [ann, bob] = [await open(t, 'ann'), await open(t, 'bob')] as const;
    const query = 'note?select=id,owner&order=score.desc,id&limit=4';
    const ids = [
      await ann.subscribe('w', query, { snapshot: true, mode: 'latest' }),
      await bob.subscribe('w', query, { snapshot: true }),
    ] as const;
    const sql = (who: string) => `select id, owner from note where owner = '${who}' order by score desc, id limit 4`;
    await equal(t, ann, ids[0], sql('ann'));
    await service.sql(`update note set owner = 'bob' where id in (4, 14)`);
    await service.sql(`update note set score = 1e30 where id = 6`);
    await equal(t, ann, ids[0], sql('ann'));
    await equal(t, bob, ids[1], sql('bob'));
    await service.sql(`insert into muted values ('ann')`);
    await until(() => held(ann, ids[0]).length === 0, 'all of them to leave');
    const others = JSON.stringify(ann.frames.filter((frame) => frame.op === 'snapshot' || frame.op === 'changes'));
    t.notOk(others.includes('bob'), 'nothing of the other');
    await equal(t, bob, ids[1], sql('bob'));
  });

  t.test('sends a window as an event stream, and all of it again after the last id', async (t) => {
    await service.sql(`insert into commentary (match_id, minute) select 3, n from generate_series(1, 9) n`);
    const query = encodeURIComponent('commentary?match_id=eq.3&select=id,minute&order=minute.desc&limit=3');
    const url = `${service.url.replace('ws', 'http')}/live?query=${query}`;
    const sql = 'select id::int, minute from commentary where match_id = 3 order by minute desc, id limit 3';
    const shows = async (stream: { events: { data: unknown }[] }) => {
      const expected = JSON.stringify(await service.sql(sql));
      const shown = () => JSON.stringify(windowRows(stream.events.map(({ data }) => data as never)));
      await until(
        () => shown() === expected,
        () => `${expected}; it is ${shown()}`,
      );
      t.pass('equal to the database');
    };
    const first = await openStream(url);
    await shows(first);
    await service.sql('update commentary set minute = 100 - minute where match_id = 3');
    await shows(first);
    await service.sql('delete from commentary where match_id = 3 and minute > 98');
    await shows(first);
    t.match(first.events.at(-1), { event: 'changes', id: /\.FFFFFFFF$/ });
    first.close();
    await service.sql('insert into commentary (match_id, minute) values (3, 200)');
    const again = await openStream(url, { 'last-event-id': first.events.at(-1)?.id as string });
    t.teardown(() => again.close());
    await shows(again);
    t.same(
      again.events.map(({ event }) => event),
      ['subscribed', 'snapshot'],
    );
    await service.sql('insert into commentary (match_id, minute) values (3, 300)');
    await shows(again);
  });

  t.test('rejects invalid windows with the remedy', async (t) => {
    const client = await open(t);
    for (const [query, code, hint] of [
      ['commentary?order=id', 'RT_WINDOW_NEEDS_LIMIT', /Add limit/],
      ['commentary?offset=2', 'RT_WINDOW_NEEDS_LIMIT', /Add limit/],
      ['commentary?order=id&limit=40&offset=20', 'RT_WINDOW_TOO_LARGE', /LIVE_WINDOW_ROWS/],
      ['keyless?limit=1', 'RT_WINDOW_NEEDS_KEY', /primary key/],
      ['commentary?order=nope&limit=1', 'RT_COLUMN_UNKNOWN', /./],
      ['commentary?order=body->x&limit=1', 'RT_QUERY_UNSUPPORTED', /./],
    ] as const) {
      t.match(await client.refusal(query, query), { code, hint }, query);
    }
    t.match(await client.refusal('l', 'keyless', { mode: 'latest' }), { code: 'RT_LATEST_NEEDS_KEY' });
  });

  t.test('rejects a window for the moment while the changes are of an older epoch', async (t) => {
    const client = await open(t);
    await service.sql(`insert into tidemark.epochs (epoch, minted_at, reason, system_identifier, timeline)
      select 'z' || substr(epoch, 2), clock_timestamp(), 'test', system_identifier, timeline
      from tidemark.epochs order by minted_at desc limit 1`);
    let asked = 0;
    const refusal = async () => {
      asked += 1;
      const [id, from] = [`w${asked}`, client.frames.length];
      client.send({ op: 'subscribe', id, query: `commentary?order=id&limit=${asked}`, snapshot: true });
      const answer = await client.frame(
        // A resync, where the epoch comes while it is taken.
        (frame) => frame.op === 'snapshot' || frame.op === 'resync' || (frame.op === 'error' && frame.id === id),
        from,
      );
      client.send({ op: 'unsubscribe', id });
      return answer.op === 'snapshot' ? undefined : answer;
    };
    let refused: Awaited<ReturnType<typeof refusal>>;
    await until(async () => {
      refused = await refusal();
      return refused !== undefined;
    }, 'the epoch to be noticed');
    t.match(refused, { code: 'RT_NOT_FOLLOWING', message: /epoch/, retry: true });
    // The relay looks at the epoch when it takes the slot.
    await service.sql(
      'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()',
    );
    await until(async () => (await refusal()) === undefined, 'the window');
    t.match(service.realtime.relay?.stats().epoch, /^z/);
  });

  await until(() => service.realtime.socketStats().subscriptions === 0, 'nobody to be left');
});

t.test('continues windows when the relay moves or the instance stops', async (t) => {
  const service = await startTestRealtime(undefined, { LIVE_WINDOW_MS: '30' });
  t.teardown(() => service.stop());
  const [second, third] = [await service.another(), await service.another()] as const;
  t.teardown(() => third.stop());
  const query = 'commentary?select=id,minute&order=minute.desc&limit=5';
  const shows = async (client: LiveClient, topic: number) => {
    const sql = 'select id::int, minute from commentary order by minute desc, id limit 5';
    await until(
      async () => JSON.stringify(held(client, topic)) === JSON.stringify(await service.sql(sql)),
      () => `the database; it is ${JSON.stringify(held(client, topic))}`,
    );
  };
  let minute = 0;
  let writing = true;
  const writer = (async () => {
    while (writing) {
      minute += 1;
      await service.sql('insert into commentary (match_id, minute) values (1, $1)', [minute]);
      if (minute % 3 === 0) await service.sql('delete from commentary where minute = $1', [minute - 1]);
    }
  })();
  const client = await new LiveClient(second.url).open();
  let topic = await client.subscribe('w', query, { snapshot: true });
  const grows = async (client: LiveClient, topic: number) => {
    const seen = client.changes(topic).length;
    await until(() => client.changes(topic).length > seen + 20, 'changes to go on');
  };
  await grows(client, topic);
  await service.realtime.relay?.stop();
  await until(() => [second, third].some(({ realtime }) => realtime.relay?.stats().role === 'active'), 'another relay');
  await grows(client, topic);
  t.same(
    client.frames.filter((frame) => frame.op === 'resync' || frame.op === 'error'),
    [],
    'nobody began anew',
  );
  const { position } = client.frames.filter((frame) => frame.op === 'changes').at(-1) as { position: string };
  await second.stop();
  t.match(client.closed, { code: 1001 });
  const again = await new LiveClient(third.url).open();
  topic = await again.subscribe('w', query, { after: position });
  await again.frame((frame) => frame.op === 'snapshot' && frame.done);
  await grows(again, topic);
  writing = false;
  await writer;
  await shows(again, topic);
  await again.close();
});
