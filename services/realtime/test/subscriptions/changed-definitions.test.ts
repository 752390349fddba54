/** Tests that changes of definitions, which change results without changing rows, resync the subscribers. */
import { until } from '@tidemark/testing';
import pg from 'pg';
import t, { type Test } from 'tap';
import { LiveClient } from '../live-client.ts';
import { startTestRealtime, token } from '../test-realtime.ts';

const SETUP = `
create table public.notes (id int primary key, body text not null default '', hidden boolean not null default false);
alter table public.notes replica identity full;
alter table public.notes enable row level security;
create policy shown on public.notes for select to authenticated using (not hidden);
grant select on public.notes to authenticated;
create table public.other (id int primary key, n int);
grant select on public.other to authenticated;
alter publication tidemark add table public.notes, public.other;`;

t.test('changed definitions', async (t) => {
  // Only the announcements of the relay end subscriptions, since the checks of rights run seldom.
  const service = await startTestRealtime(SETUP, { RIGHTS_CHECK_MS: '600000', DEFINITIONS_CHECK_MS: '100' });
  t.teardown(() => service.stop());
  const claims = { role: 'authenticated', sub: 'ann' };
  const client = await new LiveClient(service.url, { token: await token(claims) }).open();
  t.teardown(() => client.close());
  let number = 0;

  async function rowsOf(topic: number) {
    return client.frames.flatMap((frame) => (frame.op === 'snapshot' && frame.topic === topic ? frame.rows : []));
  }
  async function follow(query: string, more: Record<string, unknown> = { snapshot: true }): Promise<[number, string]> {
    number += 1;
    return [await client.subscribeAnew(`s${number}`, query, more), `s${number}`];
  }
  const resyncOf = (topic: number) => client.frame((frame) => frame.op === 'resync' && frame.topic === topic);
  const isResynced = (topic: number) => client.frames.some((frame) => frame.op === 'resync' && frame.topic === topic);
  /** A position from which the query can be resumed now; the subscription has ended. */
  async function leaveAt(query: string): Promise<string> {
    let position = '';
    await until(async () => {
      const [topic, id] = await follow(query);
      await until(() => {
        position =
          [...client.frames, ...client.places].findLast((frame) => frame.topic === topic && frame.position)?.position ??
          '';
        return position !== '' || isResynced(topic);
      }, 'a position');
      client.send({ op: 'unsubscribe', id });
      // The relay looks at what was just made within a second; until then its positions are not proven.
      const [resumed, again] = await follow(query, { after: position });
      await client.subscribe('fence', 'other?id=eq.-1');
      client.send({ op: 'unsubscribe', id: 'fence' });
      client.send({ op: 'unsubscribe', id: again });
      return position !== '' && !isResynced(resumed);
    }, 'a position that can be resumed from');
    return position;
  }

  const CHANGES: [string, string, string?][] = [
    ['a column with a default', `alter table notes add column stars int not null default 3`],
    ['a retyped column', `alter table notes alter column body type varchar(20) using left(body, 20)`],
    ['a stricter policy', `alter policy shown on notes using (not hidden and id < 100)`],
    ['a wider policy', `alter policy shown on notes using (true)`],
    [
      'the table dropped and made again',
      `begin; drop table notes; create table notes (id int primary key, body text not null default '', hidden boolean not null default false);
        alter table notes replica identity full; grant select on notes to authenticated; alter publication tidemark add table notes; commit`,
    ],
    [
      'out of the publication and in again around a delete',
      `insert into notes values (50); alter publication tidemark drop table notes; delete from notes where id = 50; alter publication tidemark add table notes`,
    ],
    [
      'another name, and the old one again, around an insert in one transaction',
      `alter table notes rename to elsewhere; insert into elsewhere values (70); alter table elsewhere rename to notes`,
    ],
    [
      'another schema, and the old one again, around an insert',
      `create schema aside; alter table notes set schema aside; insert into aside.notes values (90); alter table aside.notes set schema public`,
    ],
    [
      'a column that is no longer granted to another role',
      `revoke select on notes from service_role; grant select (id) on notes to service_role`,
    ],
  ];
  for (const [what, sql] of CHANGES) {
    await t.test(`${what}: resyncs subscribers, and those that resume from before`, async (t) => {
      await service.sql(`insert into notes (id) select coalesce(max(id), 0) + 1 from notes`);
      const position = await leaveAt('notes');
      const [live] = await follow('notes');
      await service.sql(sql);
      await resyncOf(live);
      for (const after of [position, position.slice(0, position.indexOf('.'))]) {
        const [resumed] = await follow('notes', { after });
        t.match(await resyncOf(resumed), { reason: /changed since the position|not known yet/ });
      }
      const [again, id] = await follow('notes');
      t.same(await rowsOf(again), await service.sql('select * from notes order by id'));
      client.send({ op: 'unsubscribe', id });
    });
  }

  await t.test('resumes without a change of the definition', async (t) => {
    const position = await leaveAt('notes');
    await service.sql('analyze notes; create index on notes (body); alter table other add column more text');
    await service.sql(`insert into notes values (60)`);
    for (const after of [position, position.slice(0, position.indexOf('.'))]) {
      const from = client.frames.length;
      const [resumed, id] = await follow('notes?select=id', { after });
      await client.frame((frame) => frame.op === 'changes' && frame.topic === resumed, from);
      t.match(client.changes(resumed), [{ type: 'insert', row: { id: 60 } }]);
      client.send({ op: 'unsubscribe', id });
    }
  });

  await t.test('follows what was just added or granted', async (t) => {
    await follow('other?select=id');
    const refused = await client.refusal('early', 'other?select=id,color');
    t.match(refused, { code: 'RT_COLUMN_UNKNOWN', retry: false });
    await service.sql(`alter table other add column color text default 'red'; insert into other (id) values (1)`);
    const [topic] = await follow('other?select=id,color');
    t.same(await rowsOf(topic), [{ id: 1, color: 'red' }]);
    await service.sql('create table mine (id int primary key); alter publication tidemark add table mine');
    t.match(await client.refusal('not mine', 'mine'), { code: '42501' });
    await service.sql('grant select on mine to authenticated');
    await follow('mine');
    await service.sql('alter table other rename column color to colour');
    await resyncOf(topic);
    t.match(await client.refusal('old name', 'other?select=id,color'), { code: 'RT_COLUMN_UNKNOWN' });
    const [whole] = await follow('other');
    await service.sql('alter table other drop column colour');
    await resyncOf(whole);
  });

  await t.test('leaves a subscriber with the right rows while its table is altered repeatedly', async (t) => {
    await service.sql(
      'create table busy (id int primary key); insert into busy values (1); grant select on busy to authenticated; alter publication tidemark add table busy',
    );
    const altering = (async () => {
      for (let n = 1; n <= 20; n += 1)
        await service.sql(`alter table busy add column c${n} int not null default ${n}; update busy set c${n} = -${n}`);
    })();
    let held: { topic: number; id: string } | undefined;
    const hold = async () => {
      if (held && !isResynced(held.topic)) return;
      const from = client.frames.length;
      number += 1;
      const id = `b${number}`;
      client.send({ op: 'subscribe', id, query: 'busy', snapshot: true });
      const answer = await client.frame(
        (frame) => frame.id === id && (frame.op === 'subscribed' || frame.op === 'error'),
        from,
      );
      if (answer.op === 'error') return t.ok(answer.retry, `refused for good: ${JSON.stringify(answer)}`);
      held = { topic: answer.topic, id };
    };
    let isAltered = false;
    const altered = altering.then(() => {
      isAltered = true;
    });
    await until(async () => {
      await hold();
      return isAltered;
    }, 'the table to be altered');
    await altered;
    const expected = JSON.stringify((await service.sql('select to_jsonb(busy) as row from busy'))[0]?.row);
    const now = (topic: number) => {
      let row = client.frames.findLast((frame) => frame.op === 'snapshot' && frame.topic === topic)?.rows?.[0];
      for (const change of client.changes(topic)) row = change.row ?? row;
      return JSON.stringify(row);
    };
    await until(
      async () => {
        await hold();
        return held !== undefined && now(held.topic) === expected;
      },
      () => `${expected}; it is ${held && now(held.topic)}`,
    );
    t.notOk(held && isResynced(held.topic));
  });

  const refusedFor = async (t: Test, table: string, code: string, hint: RegExp) => {
    const refusal = await client.refusal(`no ${table}`, table);
    t.match(refusal, { code, hint, retry: false });
  };

  await t.test('rejects tables without some of their changes, and follows them once all are published', async (t) => {
    await service.sql(`create table parents (id int primary key); create table children (n int, primary key (id)) inherits (parents);
      grant select on parents, children to authenticated; alter publication tidemark add table parents`);
    await refusedFor(t, 'parents', 'RT_INHERITED', /each child/);
    const [child] = await follow('children');
    await service.sql('insert into children values (1, 1); update parents set id = 2');
    await client.change(({ type, row }) => type === 'update' && row?.id === 2);
    await service.sql('alter table children no inherit parents');
    const [topic] = await follow('parents');
    await service.sql('alter table children inherit parents');
    await resyncOf(topic);
    t.ok(child);
    await service.sql(`create table parts (id int primary key) partition by range (id); grant select on parts to authenticated;
      create table parts_1 partition of parts for values from (0) to (10); alter publication tidemark add table parts`);
    const [parts] = await follow('parts');
    await service.sql('create unlogged table parts_2 partition of parts for values from (10) to (20)');
    await resyncOf(parts);
    await refusedFor(t, 'parts', 'RT_SILENT_PARTITIONS', /set logged/);
    const [notes] = await follow('notes');
    await service.sql(`alter publication tidemark set (publish = 'insert, update')`);
    await resyncOf(notes);
    await refusedFor(t, 'notes', 'RT_PUBLISH_PARTIAL', /insert, update, delete, truncate/);
    await service.sql(
      `delete from notes; alter publication tidemark set (publish = 'insert, update, delete, truncate')`,
    );
    const [last] = await follow('notes');
    t.same(await rowsOf(last), []);
  });

  t.test('accepts a subscription while another table is dropped', async () => {
    await service.sql(`create table fresh (id int primary key); create table doomed (id int primary key);
      grant select on fresh to authenticated; alter publication tidemark add table fresh, doomed`);
    const dropping = new pg.Client(service.database.primaryUrl);
    await dropping.connect();
    try {
      await dropping.query('begin; drop table doomed');
      const following = follow('fresh');
      let isThere = false;
      const there = () => {
        isThere = true;
      };
      following.then(there, there);
      await until(async () => {
        const waiting = await service.sql('select from pg_locks where not granted and relation is not null');
        return isThere || waiting.length > 0;
      }, 'the facts to be read');
      await dropping.query('commit');
      await following;
    } finally {
      await dropping.end();
    }
  });
});
