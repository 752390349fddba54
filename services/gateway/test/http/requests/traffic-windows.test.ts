import t from 'tap';
import { TrafficWindows } from '../../../src/http/requests/traffic-windows.ts';

const request = (changes: object = {}) => ({
  route: 'GET /rest/v1/:table',
  table: 'notes' as string | null,
  status: 200,
  ms: 5,
  code: undefined as string | undefined,
  ...changes,
});

t.test('shows the last whole window by route and table, with SQLSTATE classes also of 4xx', async (t) => {
  const windows = new TrafficWindows(0);
  windows.record(request(), 1);
  windows.record(request(), 2);
  windows.record(request({ status: 503, code: 'DB_POOL_FULL' }), 3);
  windows.record(request({ status: 400, code: '22012' }), 4);
  windows.record(request({ status: 403, code: '42501' }), 5);
  windows.record(request({ status: 500, code: 'XX000', table: 'other' }), 6);
  t.equal(windows.latest(4_999), undefined, 'it has not ended');
  const latest = windows.latest(5_000);
  t.match(latest, {
    to: 5_000,
    rows: [
      { table: 'notes', requests: 5, refused: 1, serverErrors: 0, sqlStates: { 22: 1 } },
      { table: 'other', requests: 1, serverErrors: 1, sqlStates: { XX: 1 } },
    ],
  });
  windows.record(request({ status: 400, code: '22012' }), 6_000);
  const [next] = windows.latest(10_000)?.rows ?? [];
  t.match(next, { table: 'notes', requests: 6, refused: 1, sqlStates: { 22: 2 } }, 'it overlaps the one before');
  t.match(windows.latest(15_000)?.rows, [{ requests: 1, sqlStates: { 22: 1 } }]);
  t.same(windows.latest(20_000)?.rows, [], 'a window without requests is empty, not the one before');
  t.equal(windows.latest(99_000), undefined, 'after a pause nothing is known');
});

t.test('measures the p99 of each within 2 %', async (t) => {
  const windows = new TrafficWindows(0);
  for (let n = 1; n <= 1_000; n++) windows.record(request({ ms: n }), 1);
  const p99 = windows.latest(5_000)?.rows[0]?.p99Ms ?? 0;
  t.ok(p99 > 970 && p99 < 1_010, String(p99));
});

t.test('keeps 128 keys and sends 64, those with failures first', async (t) => {
  const windows = new TrafficWindows(0);
  for (let n = 0; n < 1_000; n++) windows.record(request({ table: `t${n}`, status: n === 100 ? 500 : 200 }), 1);
  const rows = windows.latest(5_000)?.rows ?? [];
  t.equal(rows.length, 64);
  t.equal(rows[0]?.table, 't100');
  t.equal(rows.find(({ route }) => route === '(other)')?.requests, 872);
});
