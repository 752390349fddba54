import { once } from 'node:events';
import { setImmediate as tick } from 'node:timers/promises';
import { until } from '@tidemark/testing';
import t, { type Test } from 'tap';
import { openDatabase } from '../../src/database.ts';
import type { DbEvent } from '../../src/events.ts';
import type { PoolOptions } from '../../src/pool/options.ts';
import type { CopyRequest } from '../../src/stream/types.ts';
import { as, openTestDatabase } from '../open-test-database.ts';

/** Another view of the same database, without its replica. */
async function openAgain(t: Test, primaryUrl: string, analytics: Partial<PoolOptions> = {}) {
  const events: DbEvent[] = [];
  const observe = (event: DbEvent) => events.push(event);
  const db = await openDatabase({ primaryUrl, applicationName: 'again', pools: { analytics }, observe });
  t.teardown(() => db.close(100));
  return { db, events };
}

const SERVICE = { role: 'service_role', claims: '{}' };
const text = async (body: AsyncIterable<Buffer>) => {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString();
};

t.test('streams rows', async (t) => {
  const { db, url } = await openTestDatabase(t, { pools: { analytics: { max: 3, waitingLimit: 1 } } });
  const { admin } = db.pools;
  await admin.query('grant select on notes to service_role');
  const nasty = [
    '\\',
    '\\N',
    '\\.',
    'a\tb',
    'a\nb',
    'a\r\nb',
    '"',
    "'",
    ',',
    '',
    ' ',
    '😀',
    '\u0001\u0002',
    '$1',
    '\u2028',
  ];
  const { tidemark } = await db.write({
    identity: SERVICE,
    statements: [{ text: 'select 1' }],
  });
  t.ok(tidemark);
  for (const body of nasty) await admin.query("insert into notes (owner, body) values ('a', $1)", [body]);
  await admin.query("insert into notes (owner, body) values ('b', 'theirs')");
  const { tidemark: now } = await db.write({ identity: SERVICE, statements: [{ text: 'select 1' }] });
  const notes = (where = '', params: string[] = []) => ({
    identity: as('a'),
    statement: {
      text: `select body, '{"x":\n1}'::json as doc, null::int as nothing from notes ${where} order by id`,
      params,
    },
    tidemark: now,
  });
  const idle = () => until(() => db.poolStats().every(({ slots }) => slots.busy === 0), 'no connection is busy');

  await t.test('streams NDJSON, JSON and CSV from a replica under the policy, unaltered', async (t) => {
    const rows = nasty.map((body) => ({ body, doc: { x: 1 }, nothing: null }));
    const lines = await db.streams.copyOut({ ...notes(), format: 'ndjson' });
    t.equal(lines.source, 'replica');
    t.equal(lines.server, 'analytics:replica1');
    t.ok(lines.tidemark >= now);
    const ndjson = await text(lines.body);
    t.equal(ndjson.split('\n').length, rows.length + 1, 'one line a row');
    t.same(
      ndjson
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
      rows,
    );
    t.equal(lines.body.rows, rows.length);
    t.equal(lines.body.bytes, Buffer.byteLength(ndjson));
    const json = await db.streams.copyOut({ ...notes(), format: 'json', nullsStripped: true });
    t.same(
      JSON.parse(await text(json.body)),
      rows.map(({ body, doc }) => ({ body, doc })),
    );
    const csv = await db.streams.copyOut({ ...notes(), format: 'csv' });
    const line = (body: string) =>
      `${/["\n\r,]/.test(body) || body === '' ? `"${body.replaceAll('"', '""')}"` : body},"{""x"":\n1}",`;
    t.equal(await text(csv.body), ['body,doc,nothing', ...nasty.map(line)].join('\n'));
    t.equal(csv.body.rows, rows.length);
    for (const [format, empty] of [
      ['json', '[]'],
      ['ndjson', ''],
      ['csv', 'body,doc,nothing'],
    ] as const) {
      const none = await db.streams.copyOut({ ...notes('where body = $1', ["no'ne"]), format });
      t.equal(await text(none.body), empty);
    }
    const one = await db.streams.copyOut({ ...notes('where body = $1', ['\\N']), format: 'csv' });
    t.match(await text(one.body), /\n\\N,/);
    const values = { identity: SERVICE, statement: { text: 'select unnest(array[1,null,3])' }, values: true };
    t.equal(await text((await db.streams.copyOut({ ...values, format: 'json' })).body), '[1\n,null\n,3\n]');
    await idle();
  });

  await t.test('a connection is used again after a stream', async (t) => {
    const before = db.poolStats().find(({ name }) => name === 'analytics:replica1')!;
    for (let i = 0; i < 20; i++) await text((await db.streams.copyOut({ ...notes(), format: 'csv' })).body);
    await idle();
    const after = db.poolStats().find(({ name }) => name === 'analytics:replica1')!;
    t.equal(after.discardedTotal, before.discardedTotal);
    t.ok(after.acquiredTotal >= before.acquiredTotal + 20);
    const { analytics } = db.pools;
    t.same((await analytics.query('select current_user <> $1 as own', ['authenticated']))[0], { own: true });
  });

  await t.test(
    'rejects before the first byte, breaks the stream later, and frees the connection in both cases',
    async (t) => {
      const failing = (text: string): CopyRequest => ({ identity: SERVICE, statement: { text }, format: 'ndjson' });
      await t.rejects(db.streams.copyOut(failing('select nothing from nowhere')), { code: '42P01' });
      await t.rejects(db.streams.copyOut(failing('delete from notes returning 1')), { code: '42601' });
      await t.rejects(
        db.streams.copyOut(failing('select 1/(case when g < 2 then 1 else 0 end) from generate_series(1, 3) g')),
        {
          code: '22012',
        },
      );
      const late = "select 10 / (50000 - g) as n, repeat('x', 100) from generate_series(1, 60000) g";
      const broken = await db.streams.copyOut(failing(late));
      await t.rejects(text(broken.body), { code: '22012' });
      const lastLine = (rows: number, error?: Error) => JSON.stringify({ rows, failed: error !== undefined });
      const told = await text((await db.streams.copyOut({ ...failing(late), lastLine })).body);
      t.same(JSON.parse(told.trimEnd().split('\n').at(-1)!), { rows: 49_999, failed: true });
      const complete = await text((await db.streams.copyOut({ ...failing('select 1'), lastLine })).body);
      t.equal(complete, '{"?column?":1}\n{"rows":1,"failed":false}\n');
      await t.rejects(
        db.streams.copyOut({ ...failing('select pg_sleep(5)'), timeoutMs: 50 }).then(({ body }) => text(body)),
        { code: '57014' },
      );
      await idle();
    },
  );

  await t.test('frees the backend of an aborted, destroyed or stalled stream within a second', async (t) => {
    const endless = "select repeat('x', 500) as x from generate_series(1, 10000) a, generate_series(1, 10000) b";
    const active = async () =>
      Number(
        (
          await admin.query(
            "select count(*)::int as n from pg_stat_activity where state = 'active' and datname = current_database() and application_name like 'again/analytics%'",
          )
        )[0]!.n,
      );
    const { db: primaryOnly } = await openAgain(t, url);
    const start = (more: Partial<CopyRequest> = {}, statement = endless) =>
      primaryOnly.streams.copyOut({ identity: SERVICE, statement: { text: statement }, format: 'csv', ...more });
    const freed = async (what: string) => {
      const began = performance.now();
      await until(async () => (await active()) === 0, what);
      t.ok(performance.now() - began < 1_000, `${what} after ${Math.round(performance.now() - began)} ms`);
      t.equal(primaryOnly.pools.analytics.stats().slots.busy, 0);
    };
    const controller = new AbortController();
    const aborted = await start({ signal: controller.signal });
    aborted.body.resume();
    controller.abort();
    await t.rejects(text(aborted.body), { code: 'DB_STREAM_ABORTED' });
    await freed('aborted by its signal');
    const sleeping = new AbortController();
    const waiting = start({ signal: sleeping.signal }, 'select pg_sleep(30)');
    // The assertion below awaits this promise; until then its rejection must not end the process.
    waiting.catch(() => undefined);
    await until(async () => {
      const [row] = await admin.query(
        "select exists (select from pg_stat_activity where query like 'copy (select pg_sleep%') as is",
      );
      return row?.is;
    }, 'it computes');
    sleeping.abort();
    await t.rejects(waiting, { code: 'DB_STREAM_ABORTED' });
    await freed('aborted before its first byte');
    for (let round = 0; round < 3; round++) {
      const { body } = await start();
      await once(body, 'readable');
      body.destroy();
    }
    await freed('destroyed');
    const stalled = await start({ stallMs: 100 });
    await once(stalled.body, 'error').then(([error]) => t.match(error, { code: 'DB_STREAM_STALLED' }));
    await freed('stalled');
    const lost = await start();
    const fails = t.rejects(text(lost.body), { code: /57P01|DB_CONNECTION_LOST/ });
    await admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name like 'again/analytics%'",
    );
    await fails;
    await freed('its backend killed');
    const stats = primaryOnly.streams.stats();
    t.match(stats, { active: 0, startedTotal: 7, abortedTotal: 6, failedTotal: 1, cancelErrorsTotal: 0 });
  });

  await t.test('streams are leases, with a limit, a queue and a leak report', async (t) => {
    const { db: small, events } = await openAgain(t, url, {
      max: 1,
      waitingLimit: 1,
      acquireTimeoutMs: 200,
      leakThresholdMs: 100,
    });
    const start = () =>
      small.streams.copyOut({
        identity: SERVICE,
        statement: { text: 'select $1::text, g from generate_series(1, 1000000) g', params: ['secret'] },
        format: 'csv',
        holder: { route: 'GET /export' },
      });
    const first = await start();
    const second = start();
    // The assertion below awaits this promise; until then its rejection must not end the process.
    second.catch(() => undefined);
    await tick();
    await until(() => small.pools.analytics.stats().waiting === 1, 'one waits');
    await t.rejects(start(), { code: 'DB_POOL_FULL' });
    await t.rejects(second, { code: 'DB_ACQUIRE_TIMEOUT' });
    await until(() => events.some(({ type }) => type === 'db.leak'), 'the leak is reported');
    const leak = events.find(({ type }) => type === 'db.leak');
    t.match(leak, {
      pool: 'analytics',
      holder: { route: 'GET /export', statement: /^select \$1::text/ },
      stack: /streams/,
    });
    t.notMatch(JSON.stringify(leak), /secret/);
    first.body.destroy();
    await t.resolves(start().then(({ body }) => body.destroy()));
    const last = await start();
    await small.close(100);
    await t.rejects(text(last.body), { code: 'DB_POOL_CLOSED' });
  });

  await t.test('batches(), fold() and pages() return every row once', async (t) => {
    const numbers = {
      identity: SERVICE,
      statement: { text: 'select g as n from generate_series(1, $1::int) g', params: [2_500] },
    };
    const sizes: number[] = [];
    for await (const { rows, source } of db.streams.rowsInBatches({ ...numbers, size: 1_000 })) {
      sizes.push(rows.length);
      t.equal(source, 'replica');
    }
    t.same(sizes, [1_000, 1_000, 500]);
    const { value } = await db.streams.fold(numbers, 0, (sum, row: { n: number }) => sum + row.n);
    t.equal(value, (2_500 * 2_501) / 2);
    const none = await db.streams.fold(
      { identity: as('nobody'), statement: { text: 'select id from notes' } },
      0,
      (n) => n + 1,
    );
    t.match(none, { value: 0, source: 'replica' });
    for await (const _ of db.streams.rowsInBatches({ ...numbers, size: 10 })) break;
    await idle();
    const controller = new AbortController();
    await t.rejects(
      (async () => {
        for await (const _ of db.streams.rowsInBatches({ ...numbers, size: 10, signal: controller.signal }))
          controller.abort();
      })(),
      { code: 'DB_STREAM_ABORTED' },
    );
    await idle();
    const seen: string[] = [];
    const pages = db.streams.keysetPages<{ id: string; body: string }>({
      identity: as('a'),
      statement: { text: 'select * from notes where body <> $1', params: ['😀'] },
      key: ['id'],
      size: 4,
      tidemark: now,
    });
    for await (const page of pages) seen.push(...page.rows.map((row) => row.body));
    t.same(
      seen,
      nasty.filter((body) => body !== '😀'),
    );
    const nulls = db.streams.keysetPages({ identity: SERVICE, statement: { text: 'select null as id' }, key: ['id'] });
    await t.rejects(nulls.next(), { code: 'DB_STREAM_REQUEST' });
    await t.rejects(db.streams.rowsInBatches({ ...numbers, size: 0 }).next(), { code: 'DB_STREAM_REQUEST' });
  });
});
