/** Tests when the watch releases the envelopes of a transaction. */
import { migrate, openDatabase } from '@tidemark/db';
import { until, useTestStack } from '@tidemark/testing';
import pg from 'pg';
import t from 'tap';
import { type DefinitionStats, DefinitionWatch } from '../../src/definitions/definition-watch.ts';
import { type Definition, knownDefinition, writeDefinitions } from '../../src/definitions/known-definitions.ts';
import type { RealtimeEvent } from '../../src/events.ts';

t.test('a watch over definitions', async (t) => {
  const stack = await useTestStack();
  const { primaryUrl, drop } = await stack.database();
  await migrate(primaryUrl);
  const client = new pg.Client(primaryUrl);
  await client.connect();
  const database = await openDatabase({ primaryUrl, applicationName: 'watch', observe: () => {} });
  t.teardown(async () => {
    await client.end();
    await database.close();
    await drop();
  });
  await client.query(`create table item (id int primary key); alter publication tidemark add table item`);
  const published: Definition[] = [];
  let position = 0n;
  const events: RealtimeEvent[] = [];
  const stats: DefinitionStats = { looksTotal: 0, failedTotal: 0, changesTotal: 0, lastLookMs: 0 };
  const open = (maxWaitMs?: number, publication = 'tidemark') =>
    new DefinitionWatch({
      admin: database.pools.admin,
      publication,
      checkMs: 3_600_000,
      stats,
      observe: (event) => events.push(event),
      published: () => position,
      publish(changed, onStored) {
        published.push(...changed);
        onStored();
      },
      ...(maxWaitMs === undefined ? {} : { maxWaitMs }),
    });
  const xidOf = async () => Number((await client.query(`select pg_current_xact_id()::xid::text as xid`)).rows[0].xid);
  const tables = () => published.filter(({ table }) => table === 'item');

  await t.test('waits for a transaction that is in the WAL and not visible yet', async (t) => {
    const watch = open();
    await watch.start();
    t.equal(tables().length, 1, 'the first watch knows nothing');
    await client.query('begin; alter table item add n int');
    const xid = await xidOf();
    let isLet = false;
    const waiting = watch.before(xid, { schema: 'public', table: 'item' })?.then(() => {
      isLet = true;
    });
    t.ok(waiting);
    const looks = stats.looksTotal;
    await until(() => stats.looksTotal > looks, 'a look that does not see it');
    await client.query('select pg_sleep(0.05)');
    t.notOk(isLet);
    await client.query('commit');
    await waiting;
    t.equal(tables().length, 2, 'the change was published by then');
    t.ok(watch.before(xid), 'only one table was looked at');
    await watch.before(xid);
    t.equal(watch.before(xid), undefined, 'a look at everything counts for all that it sees');
    watch.stop();
  });

  await t.test('gives up waiting for a transaction that stays invisible, and reports it', async (t) => {
    const watch = open(50);
    await watch.start();
    await client.query('begin; alter table item add m int');
    const xid = await xidOf();
    await watch.before(xid);
    t.match(events.at(-1), { type: 'definitions.unseen', xid, ms: 50 });
    await client.query('rollback');
    watch.stop();
  });

  await t.test('repeats a failed check', async (t) => {
    const watch = open();
    await watch.start();
    const before = stats.failedTotal;
    await client.query(`begin; lock table pg_policy in access exclusive mode`);
    const xid = await xidOf();
    const waiting = watch.before(xid);
    await until(async () => {
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'watch%' and wait_event_type = 'Lock'`,
      );
      return stats.failedTotal > before;
    }, 'a look that fails');
    t.ok(events.some(({ type }) => type === 'definitions.failed'));
    await client.query('alter table item add k int; commit');
    const count = tables().length;
    await waiting;
    t.equal(tables().length, count + 1);
    watch.stop();
  });

  await t.test('ignores late writes of an older relay, and replaces a position of another server', async (t) => {
    const { admin } = database.pools;
    const find = async () => (await knownDefinition(admin, 'public', 'item')).table;
    await until(async () => (await find())?.version === tables().at(-1)?.version, 'the last version to be written');
    const known = (await find()) as Definition;
    await writeDefinitions(admin, [{ ...known, version: 'old', since: known.since - 1n }]);
    await writeDefinitions(admin, [{ ...known, version: null, since: known.since - 1n }]);
    t.same(await find(), known);
    await writeDefinitions(admin, [{ ...known, since: 1n << 60n }]);
    t.equal((await find())?.since, 1n << 60n);
    const watch = open();
    await watch.start();
    await until(async () => ((await find())?.since ?? 0n) < 1n << 60n, 'a position of another server to be replaced');
    watch.stop();
  });

  await t.test('dates a definition after all that was published before', async (t) => {
    const watch = open();
    await watch.start();
    position = 1n << 50n;
    await client.query('alter table item add published int');
    await watch.before(await xidOf());
    t.equal(tables().at(-1)?.since, position);
    t.equal(watch.versionOf({ schema: 'public', table: 'item' }), tables().at(-1)?.version);
    position = 0n;
    watch.stop();
  });
});
