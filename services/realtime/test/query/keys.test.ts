/**
 * Tests keys that change, swap and come back within a transaction: a client that applies the frames in order ends equal to the
 * table, for any key and replica identity.
 */
import { until } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import { LiveClient } from '../live-client.ts';
import { openStream } from '../open-stream.ts';
import { startTestRealtime } from '../test-realtime.ts';
import { Follower, sorted } from './key-followers.ts';

const TABLES = ['immediate', 'immediate_full', 'deferred', 'deferred_late', 'by_index', 'keyless', 'parted'] as const;
const SETUP = `
create table immediate (id int primary key, n int not null, code int not null);
create table immediate_full (id int primary key, n int not null, code int not null);
alter table immediate_full replica identity full;
create table deferred (id int primary key deferrable, n int not null, code int not null);
alter table deferred replica identity full;
create table deferred_late (id int primary key deferrable initially deferred, n int not null, code int not null);
alter table deferred_late replica identity full;
create table by_index (id int primary key, n int not null, code int not null);
create unique index by_index_code on by_index (code) include (n);
alter table by_index replica identity using index by_index_code;
create table keyless (id int not null, n int not null, code int not null);
alter table keyless replica identity full;
create table parted (id int primary key deferrable, n int not null, code int not null) partition by range (id);
create table parted_low partition of parted for values from (minvalue) to (4);
create table parted_high partition of parted for values from (4) to (maxvalue);
alter table parted_low replica identity full;
alter table parted_high replica identity full;
create table mixed (id int primary key, code int not null) partition by range (id);
create table mixed_all partition of mixed default;
create unique index mixed_code on mixed_all (code);
alter table mixed_all replica identity using index mixed_code;
create table nothing (id int primary key deferrable, n int);
create table refused (id int primary key, n int);
alter table refused replica identity nothing;
create type pair as (a int, b int);
create domain bounds as int[];
create table arrays (id int[] primary key, n int not null);
create unique index arrays_n on arrays (n);
create table domains (id bounds primary key);
create table pairs (n int, id pair, primary key (n, id));
create table wide (id text primary key, n int, body text);
alter table wide alter id set storage external, alter body set storage external;
grant select on all tables in schema public to anon;
alter publication tidemark add table ${TABLES.join(', ')}, mixed, nothing, refused, wide, arrays, domains, pairs;`;

/** One statement each; those that break a constraint change nothing. */
const id = fc.integer({ min: 1, max: 6 });
const n = fc.integer({ min: 0, max: 9 });
const statement = (table: string) =>
  fc.oneof(
    fc.tuple(id, n).map(([i, value]) => `insert into ${table} values (${i}, ${value}, ${i})`),
    fc
      .tuple(id, id)
      .map(([a, b]) => `update ${table} set id = case id when ${a} then ${b} else ${a} end where id in (${a}, ${b})`),
    fc.tuple(id, id).map(([a, b]) => `update ${table} set id = ${b}, code = ${b} where id = ${a}`),
    fc.tuple(id, n).map(([i, value]) => `update ${table} set n = ${value} where id = ${i}`),
    fc.tuple(fc.constantFrom(1, -1), n).map(([by, below]) => `update ${table} set id = id + ${by} where n < ${below}`),
    n.map((below) => `update ${table} set code = code + 1 where n < ${below}`),
    id.map((i) => `delete from ${table} where id = ${i}`),
  );

t.test('keys that change', async (t) => {
  const service = await startTestRealtime(SETUP, {
    LIVE_LATEST_MS: '5',
    LIVE_WINDOW_MS: '5',
    RELAY_TRANSACTION_BYTES: '50000',
  });
  t.teardown(() => service.stop());

  /** Waits until the follower holds what the query gives. */
  async function equal(follower: Follower, table: string, where = 'true') {
    const rows = await service.sql(`select id, n, code from ${table} where ${where}`);
    const expected = sorted(rows);
    await until(
      async () => {
        await follower.apply();
        return follower.sorted() === expected;
      },
      () => `${table} where ${where}: it holds ${follower.sorted().slice(0, 500)}, the table ${expected.slice(0, 500)}`,
    );
  }

  t.test('resumes inside a transaction that shifts keys over several frames', async (t) => {
    await service.sql(`insert into deferred select g, 0, g from generate_series(1, 1300) g`);
    const whole = await Follower.start(service.url, 'deferred');
    const raw = await new LiveClient(service.url).open();
    const stream = await openStream(`${service.url.replace('ws', 'http')}/live?query=deferred`);
    await until(() => stream.events.length > 0, 'the event stream');
    const topic = await raw.subscribe('s', 'deferred', { snapshot: true });
    await service.sql('update deferred set id = id + 1');
    const isChange = (frame: { op: string; topic?: number }) => frame.op === 'changes' && frame.topic === topic;
    await raw.frame((frame) => isChange(frame) && !frame.more && frame.changes.length > 0);
    const parts = raw.frames.filter(isChange);
    t.same(
      parts.map(({ more }) => more ?? false),
      [true, true, false],
    );
    t.same(
      parts
        .flatMap(({ changes }) => changes)
        .map(({ type }) => type)
        .filter((type) => type !== 'update'),
      ['delete', 'insert'],
    );
    await equal(whole, 'deferred');
    t.equal(whole.resyncs, 0);
    const streamed = () => stream.events.flatMap(({ data }) => (data.changes?.length > 0 ? [data.changes] : []));
    await until(() => streamed().length >= parts.length, 'the event stream to have all parts');
    t.same(
      streamed(),
      parts.map(({ changes }) => changes),
    );
    stream.close();
    const middle = await new LiveClient(service.url).open();
    await middle.subscribe('s', 'deferred', { after: parts[0]?.position });
    await middle.frame((frame) => frame.op === 'changes' && !frame.more && frame.changes.length > 0);
    t.same(
      middle.changes(),
      parts.slice(1).flatMap(({ changes }) => changes),
    );
    await service.sql('delete from deferred');
    await equal(whole, 'deferred');
    await Promise.all([whole.close(), raw.close(), middle.close()]);
  });

  t.test('names the key that changes carry', async (t) => {
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', 'by_index', { snapshot: true });
    t.same(client.frames.find(({ op }) => op === 'subscribed')?.key, ['code']);
    t.match(await client.refusal('n', 'by_index?select=id,n'), { code: 'RT_KEY_NOT_SELECTED', message: /: code$/ });
    await service.sql('insert into by_index values (100, 1, 200)');
    await service.sql('update by_index set id = 101');
    await service.sql('update by_index set code = 201');
    await service.sql('delete from by_index');
    await client.change(({ type }) => type === 'delete');
    t.same(client.changes(), [
      { type: 'insert', row: { id: 100, n: 1, code: 200 } },
      { type: 'update', row: { id: 101, n: 1, code: 200 } },
      { type: 'update', row: { id: 101, n: 1, code: 201 }, old: { code: 200 } },
      { type: 'delete', old: { code: 201 } },
    ]);
    const window = await Follower.start(service.url, 'by_index?order=n&limit=2');
    await service.sql('insert into by_index values (3, 1, 10), (2, 1, 20), (1, 1, 30)');
    await until(async () => {
      await window.apply();
      return (
        window.sorted() ===
        sorted([
          { id: 3, n: 1, code: 10 },
          { id: 2, n: 1, code: 20 },
        ])
      );
    }, 'the window to break ties by the key');
    await service.sql('delete from by_index');
    await Promise.all([client.close(), window.close()]);
  });

  t.test('rejects a key whose different values may have equal JSON, until changes name rows otherwise', async (t) => {
    await service.sql(`insert into arrays values ('{1,2}', 1), ('[0:1]={1,2}', 2)`);
    const client = await new LiveClient(service.url).open();
    for (const [n, table] of ['arrays', 'domains', 'pairs'].entries()) {
      t.match(await client.refusal(`r${n}`, table), {
        code: 'RT_KEY_AMBIGUOUS',
        message: new RegExp(`"id" of public\\.${table}`),
        hint: /replica identity using index/,
      });
    }
    await service.sql('alter table arrays replica identity using index arrays_n');
    const follower = await Follower.start(service.url, 'arrays');
    await service.sql('update arrays set n = n + 10');
    const expected = sorted(await service.sql('select id, n from arrays'));
    await until(async () => {
      await follower.apply();
      return follower.sorted() === expected;
    }, 'the follower to hold both rows');
    await Promise.all([client.close(), follower.close()]);
  });

  t.test('resyncs for a change that names its row by another key, as that of a partition', async (t) => {
    await service.sql('insert into mixed values (1, 1), (2, 2)');
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', 'mixed', { snapshot: true });
    t.same(client.frames.find(({ op }) => op === 'subscribed')?.key, ['id']);
    await service.sql('delete from mixed where id = 1');
    t.match(await client.frame(({ op }) => op === 'resync'), { reason: /did not name its row/ });
    await client.close();
  });

  t.test('sends the inserts of a table without a replica identity', async (t) => {
    for (const table of ['nothing', 'refused']) {
      const client = await new LiveClient(service.url).open();
      await client.subscribe('s', table, { snapshot: true });
      await service.sql(`insert into ${table} values (1, 1)`);
      await client.change(({ row }) => row?.id === 1);
      await t.rejects(service.sql(`update ${table} set id = 2`), { code: '55000' });
      await t.rejects(service.sql(`delete from ${table}`), { code: '55000' });
      await client.close();
    }
  });

  t.test('sends an unchanged TOASTed key with an update', async (t) => {
    const key = 'k'.repeat(2_500);
    await service.sql(`insert into wide values ($1, 1, '')`, [key]);
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', 'wide?select=id,n');
    await service.sql('update wide set n = 2');
    t.same(await client.change(({ type }) => type === 'update'), { type: 'update', row: { id: key, n: 2 } });
    await client.close();
  });

  t.test('sends a changed key as a delete and an update in one frame in mode latest', async (t) => {
    await service.sql('insert into immediate values (1, 1, 1)');
    const client = await new LiveClient(service.url).open();
    await client.subscribe('s', 'immediate', { mode: 'latest', snapshot: true });
    // Until it has caught up, it is given every change.
    await service.sql('update immediate set n = 7');
    await client.change(({ row }) => row?.n === 7);
    await service.sql(
      'begin; update immediate set n = 2; update immediate set id = 2; update immediate set n = 3; commit',
    );
    await client.change(({ row }) => row?.n === 3);
    t.same(client.frames.at(-1)?.changes, [
      { type: 'delete', old: { id: 1 } },
      { type: 'update', row: { id: 2, n: 3, code: 1 } },
    ]);
    await service.sql('delete from immediate');
    await client.close();
  });

  for (const table of TABLES) {
    t.test(`random transactions on the table "${table}" leave every subscriber with its rows`, async () => {
      await service.sql(`insert into ${table} values (1, 1, 1), (2, 2, 2), (3, 8, 3)`);
      const all = await Follower.start(service.url, table);
      const some = await Follower.start(service.url, `${table}?n=lt.5`);
      const window = table === 'keyless' ? undefined : await Follower.start(service.url, `${table}?order=n&limit=3`);
      const latest = table === 'keyless' ? undefined : await Follower.start(service.url, table, { mode: 'latest' });
      await fc.assert(
        fc.asyncProperty(fc.array(statement(table), { minLength: 1, maxLength: 5 }), async (statements) => {
          const blocks = statements.map(
            (text) => `begin ${text}; exception when integrity_constraint_violation then null; end;`,
          );
          // Where uniqueness fails at the commit, nothing has changed.
          await service.sql(`do $$ begin ${blocks.join(' ')} end $$`).catch((error: { code?: string }) => {
            if (error.code !== '23505') throw error;
          });
          await equal(all, table);
          await equal(some, table, 'n < 5');
          if (latest) await equal(latest, table);
          const key = table === 'by_index' ? 'code' : 'id';
          if (window) await equal(window, table, `${key} in (select ${key} from ${table} order by n, ${key} limit 3)`);
        }),
        { numRuns: 40 },
      );
      await Promise.all([all.close(), some.close(), latest?.close(), window?.close()]);
    });
  }
});
