import type { TrafficRow } from '@tidemark/contracts';
import t from 'tap';
import { findingsOf } from '../../src/health/compose.ts';
import { DEFAULT_THRESHOLDS } from '../../src/health/thresholds.ts';
import { TrafficHistory } from '../../src/traffic/traffic-history.ts';

const ROUTE = 'GET /rest/v1/:table';
const row = (changes: Partial<TrafficRow> = {}): TrafficRow => ({
  route: ROUTE,
  table: 'notes',
  requests: 100,
  p99Ms: 100,
  serverErrors: 0,
  refused: 0,
  sqlStates: {},
  ...changes,
});
const feed = (history: TrafficHistory, now: number, one: TrafficRow, source = 'gateway/a') =>
  history.record(source, { traffic: { to: now, rows: [one] } }, now);
const LIMITS = { expected: [], lostAfterMs: 5_000, replicaLagMs: 5_000, slotBytes: 1e9, transactionMs: 60_000 };
const found = (history: TrafficHistory, now: number) =>
  findingsOf({
    now,
    live: [],
    lost: [],
    collected: {},
    collectors: [],
    limits: LIMITS,
    thresholds: DEFAULT_THRESHOLDS,
    traffic: history.current(now),
  });

function hourOf(p99Ms: number): { history: TrafficHistory; now: number } {
  const history = new TrafficHistory();
  let now = 1_000_000;
  for (let n = 0; n < 40; n++, now += 10_000) feed(history, now, row({ p99Ms }));
  return { history, now };
}

t.test('a route is slow over 250 ms and three times its own last hour', async (t) => {
  const quick = hourOf(20);
  t.same(found(quick.history, quick.now - 10_000), []);
  feed(quick.history, quick.now, row({ p99Ms: 240 }));
  t.same(found(quick.history, quick.now), [], 'twelve times its hour, but nobody minds 240 ms');
  feed(quick.history, quick.now + 10_000, row({ p99Ms: 300 }));
  t.match(found(quick.history, quick.now + 10_000), [
    { rule: 'route.slow', subject: `${ROUTE} (notes)`, measured: 300, limit: 250, affects: ['gateway/a'] },
  ]);
  const slow = hourOf(400);
  feed(slow.history, slow.now, row({ p99Ms: 1_100 }));
  t.same(found(slow.history, slow.now), [], 'it is always slow');
  feed(slow.history, slow.now + 10_000, row({ p99Ms: 1_300 }));
  t.match(found(slow.history, slow.now + 10_000), [{ rule: 'route.slow', measured: 1_300 }]);
  t.match(found(slow.history, slow.now + 10_000)[0]?.limit?.toFixed(0), /^1200$/);
});

t.test('without five minutes to compare with, only 2 s count as slow, and few requests are no finding', async (t) => {
  const history = new TrafficHistory();
  feed(history, 1_000_000, row({ p99Ms: 1_900 }));
  t.same(found(history, 1_000_000), []);
  feed(history, 1_010_000, row({ p99Ms: 2_100, requests: 19 }));
  t.same(found(history, 1_010_000), []);
  feed(history, 1_020_000, row({ p99Ms: 2_100 }));
  t.match(found(history, 1_020_000), [{ rule: 'route.slow' }]);
});

t.test('failures, refusals and SQLSTATE classes count over all gateways', async (t) => {
  const history = new TrafficHistory();
  feed(history, 1_000_000, row({ serverErrors: 2, refused: 1, sqlStates: { 22: 2 } }));
  t.same(found(history, 1_000_000), [], 'two failures are the ordinary course');
  feed(history, 1_000_000, row({ serverErrors: 1, refused: 2 }), 'gateway/b');
  t.match(found(history, 1_000_000), [
    { rule: 'route.fails', measured: 0.015, message: /3 of 200 requests/, affects: ['gateway/a', 'gateway/b'] },
    { rule: 'route.refuses' },
  ]);
  feed(history, 1_010_000, row({ sqlStates: { 22: 5 } }));
  feed(history, 1_010_000, row(), 'gateway/b');
  t.match(found(history, 1_010_000), [{ rule: 'route.sqlstate', key: `sqlstate 22 ${ROUTE} (notes)` }]);
  t.same(found(history, 1_026_000), [], 'an old window says nothing about now');
});

t.test('the delay of live changes is listed as a route', async (t) => {
  const history = new TrafficHistory();
  const sockets = (deliveredTotal: number, deliveryP99Ms: number) =>
    ({ deliveredTotal, deliveryP99Ms }) as NonNullable<Parameters<TrafficHistory['record']>[1]['sockets']>;
  let now = 1_000_000;
  for (let n = 0; n < 40; n++, now += 10_000) history.record('realtime/a', { sockets: sockets(n * 50, 15) }, now);
  t.same(found(history, now - 10_000), []);
  history.record('realtime/a', { sockets: sockets(40 * 50, 900) }, now);
  t.match(found(history, now), [{ rule: 'live.slow', measured: 900, affects: ['realtime/a'] }]);
});

t.test('keeps the 256 routes that were seen last', async (t) => {
  const history = new TrafficHistory();
  for (let n = 0; n < 300; n++) feed(history, 1_000_000 + n, row({ table: `t${n}` }));
  t.equal(history.size, 256);
});
