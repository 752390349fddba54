/** Figures and events in a real Postgres, as the service's own role. */
import { migrate, openPool, withConnection } from '@tidemark/db';
import { useTestStack } from '@tidemark/testing';
import fc from 'fast-check';
import t from 'tap';
import type { MetricsEvent } from '../../src/events.ts';
import { createHistory } from '../../src/history/history.ts';
import { readTimeseries } from '../../src/history/read-timeseries.ts';
import { sampleRows, splitName } from '../../src/store/sample-rows.ts';
import { MINUTES, purgeSamples, readSamples, saveSamples } from '../../src/store/sample-store.ts';
import { Store } from '../../src/store/store.ts';
import { Timeline } from '../../src/timeline/timeline.ts';

const stack = await useTestStack();
await stack.template('metrics', async (url) => void (await migrate(url)));
const database = await stack.database({ template: 'metrics' });
const pool = openPool({
  url: database.primaryUrl,
  name: 'store',
  applicationName: 'test',
  settings: {},
  options: { min: 1, max: 2 },
  observe: () => undefined,
});
t.teardown(async () => {
  await pool.close();
  await database.drop();
});
const run = (sql: string) => withConnection(database.primaryUrl, 'test', (query) => query(sql));

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const lastMinute = () => Date.now() - (Date.now() % MINUTE);

interface Instance {
  store: Store;
  history: ReturnType<typeof createHistory>;
  timeline: Timeline;
  events: MetricsEvent[];
}

function openInstance(startedAt: number, options: { pool?: () => typeof pool; isLeader?: boolean } = {}): Instance {
  const history = createHistory({ ticks: 3_600, maxBytes: 1024 ** 2 });
  const timeline = new Timeline();
  const events: MetricsEvent[] = [];
  const store = new Store(
    {
      pool: options.pool ?? (() => pool),
      history,
      timeline,
      isLeader: () => options.isLeader ?? true,
      observe: (event) => events.push(event),
    },
    startedAt,
  );
  return { store, history, timeline, events };
}

t.beforeEach(() => run('truncate tidemark.metric_samples, tidemark.timeline_events'));

t.test('figures of a minute are read after a restart, with those in memory in one answer', async (t) => {
  const minute = lastMinute() - 2 * MINUTE;
  const before = openInstance(minute - 1_000);
  for (let n = 0; n < 60; n++) {
    const samples = new Map([
      ['http.requests@gateway/g1', n],
      ['pool.waiting@gateway/g1/write', 2],
      ['postgres.replica_lag@replica1', 5],
    ]);
    before.history.tick(minute + n * 1_000, samples);
  }
  await before.store.look(minute + 65_000);
  t.same(before.events, []);

  const after = openInstance(minute + 70_000);
  const now = minute + 2 * MINUTE + 5_000;
  after.history.tick(now - 4_000, new Map([['http.requests@gateway/g1', 7]]));
  const request = { from: minute - HOUR, step: 60, now, maxPoints: 1_000 };
  const answer = await readTimeseries(after.history, () => pool, {
    ...request,
    patterns: ['http.requests@*', 'pool.waiting@gateway/g1/write', 'postgres.replica_lag@replica1', 'none'],
  });
  t.same(answer.at, [minute, minute + 2 * MINUTE]);
  t.same(answer.series['http.requests@gateway/g1'], { mean: [29.5, 7], min: [0, 7], max: [59, 7] });
  t.same(answer.series['pool.waiting@gateway/g1/write']?.mean, [2, null]);
  t.same(answer.series['postgres.replica_lag@replica1']?.max, [5, null]);
  t.same(answer.missing, ['none']);
  const finer = await readTimeseries(after.history, () => pool, {
    ...request,
    step: 10,
    patterns: ['http.requests@*'],
  });
  t.equal(finer.step, 60, 'only minutes are kept from before the start');
  const recent = { ...request, from: now - 4_000, step: 1, patterns: ['http.requests@*'] };
  const fail = () => {
    throw new Error('Postgres is not asked for what is in memory');
  };
  t.equal((await readTimeseries(after.history, fail, recent)).step, 1);
});

t.test('of two instances, one writes a step', async (t) => {
  const at = lastMinute() - MINUTE;
  const rows = (value: number) => [{ source: 'gateway/g1', figures: { 'http.requests': value } }];
  await Promise.all([saveSamples(pool, MINUTES, at, rows(1)), saveSamples(pool, MINUTES, at, rows(2))]);
  await saveSamples(pool, MINUTES, at, [{ source: 'gateway/g2', figures: { 'http.requests': 3 } }]);
  t.equal((await run('select from tidemark.metric_samples')).length, 1);
});

t.test('events are there after a restart, in order, with ids below those of the new ones', async (t) => {
  const at = lastMinute();
  const before = openInstance(at);
  for (const n of [1, 2, 3]) before.timeline.add({ type: 'alert.began', subject: `s${n}`, message: 'm' }, at + n);
  await before.store.look(at);
  await before.store.look(at);
  const after = openInstance(at);
  after.timeline.add({ type: 'alert.ended', subject: 's4', message: 'm', lsn: '0/10' }, at + 4);
  await after.store.look(at);
  const { events } = after.timeline.read({ from: 0, limit: 10 });
  t.same(
    events.map(({ id, subject }) => [id, subject]),
    [
      [-2, 's1'],
      [-1, 's2'],
      [0, 's3'],
      [1, 's4'],
    ],
  );
  t.equal((await run('select from tidemark.timeline_events')).length, 4, 'each is stored once');
});

t.test('a spare instance stores nothing', async (t) => {
  const spare = openInstance(lastMinute(), { isLeader: false });
  spare.timeline.add({ type: 'alert.began', subject: 's', message: 'm' }, Date.now());
  await spare.store.look(Date.now());
  t.equal((await run('select from tidemark.timeline_events')).length, 0);
});

t.test('reports a lost Postgres once, and stores the events when it is back', async (t) => {
  let isAway = true;
  const instance = openInstance(lastMinute(), {
    pool: () => {
      if (isAway) throw new Error('away');
      return pool;
    },
  });
  instance.timeline.add({ type: 'alert.began', subject: 's', message: 'm' }, Date.now());
  await instance.store.look(Date.now());
  await instance.store.look(Date.now());
  t.equal(instance.events.length, 1);
  isAway = false;
  await instance.store.look(Date.now());
  t.equal((await run('select from tidemark.timeline_events')).length, 1);
});

t.test('deletes old samples, and the oldest first when there are too many', async (t) => {
  await run(`insert into tidemark.metric_samples
    select 60, date_bin('1 min', now(), 'epoch') - n * interval '1 min', 'gateway/g1', '{"http.requests": 1}'
    from generate_series(1, 3000) n`);
  await purgeSamples(pool);
  const [kept] = await run(
    `select count(*)::int as rows, min(at) > now() - interval '48 hours' as young from tidemark.metric_samples`,
  );
  t.ok(kept?.young);
  const bytes = await purgeSamples(pool, 10_000);
  const [fewer] = await run('select count(*)::int as rows, max(at) as newest from tidemark.metric_samples');
  t.ok((fewer?.rows as number) < (kept?.rows as number) * 0.95 && bytes > 0);
});

t.test('more points than may be answered are refused, and are not all read', async (t) => {
  const at = lastMinute() - HOUR;
  const figures = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`http.p99@${n}`, n]));
  await saveSamples(pool, MINUTES, at, [{ source: 'gateway/g1', figures }]);
  const query = { step: MINUTES, patterns: ['http.*'], from: at, to: at + HOUR, seconds: 60 };
  await t.rejects(readSamples(pool, { ...query, maxPoints: 49 }), { code: 'METRICS_POINTS_TOO_MANY' });
  t.equal(Object.keys((await readSamples(pool, { ...query, maxPoints: 50 })).series).length, 50);
});

t.test('the metrics service may read and write its store, nobody else, and it is not published', async (t) => {
  const rights =
    await run(`select grantee::text as who, string_agg(privilege_type::text, ' ' order by privilege_type::text) as may
    from information_schema.role_table_grants where table_schema = 'tidemark' and table_name in ('metric_samples', 'timeline_events')
      and grantee <> grantor group by 1, table_name`);
  t.same([...rights], Array(2).fill({ who: 'tidemark_metrics', may: 'DELETE INSERT SELECT' }));
  const published = await run(
    `select from pg_publication_tables where tablename in ('metric_samples', 'timeline_events')`,
  );
  t.equal(published.length, 0);
});

t.test('names of series survive their way through a row', async () => {
  const word = fc.stringMatching(/^[a-z0-9_.-]{1,12}$/);
  const label = fc.array(word, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  fc.assert(
    fc.property(word, label, (figure, detail) => {
      const name = `${figure}@${detail}`;
      const { source, key } = splitName(name);
      if (source === '') return key === name;
      const [kept = '', rest] = key.split(/@(.*)/s);
      return `${kept}@${source}${rest === undefined ? '' : `/${rest}`}` === name;
    }),
  );
});

t.test('a row is limited, and what is left out is counted', (t) => {
  const series = Object.fromEntries(
    Array.from({ length: 500 }, (_, n) => [
      `pool.waiting@gateway/g1/pool${n}`,
      { mean: [1.23456], min: [1], max: [2] },
    ]),
  );
  const { rows, omitted } = sampleRows({ at: [0], series, missing: [] }, 0);
  t.equal(rows.length, 1);
  t.ok(omitted > 0 && JSON.stringify(rows).length < 6_000);
  t.same(Object.values(rows[0]!.figures)[0], [1.235, 1, 2]);
  t.end();
});
