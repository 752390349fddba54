/** Tests rules that name the cause of slow, waiting or ended work, and the causes that were ruled out. */
import type { Telemetry } from '@tidemark/contracts';
import t from 'tap';
import type { JobProblem } from '../../src/collectors/job-problems.ts';
import { findingsOf } from '../../src/health/compose.ts';
import { ruledOut } from '../../src/health/ruled-out.ts';
import type { SystemState } from '../../src/health/system-state.ts';
import { DEFAULT_THRESHOLDS } from '../../src/health/thresholds.ts';
import { createHistory } from '../../src/history/history.ts';
import { RelayWatch } from '../../src/timeline/relay-watch.ts';
import { StatementHistory } from '../../src/traffic/statement-history.ts';
import { pool, telemetry } from '../telemetry-example.ts';

const NOW = 1_000_000_000;
const DAY_MS = 86_400_000;

function system(changes: Partial<SystemState>, ...sent: Telemetry[]): SystemState {
  const live = sent.map((one) => ({
    key: `${one.service}/${one.instance}`,
    telemetry: one,
    rates: undefined,
    receivedAt: NOW,
  }));
  const limits = { expected: [], lostAfterMs: 5_000, replicaLagMs: 5_000, slotBytes: 1e9, transactionMs: 60_000 };
  return {
    now: NOW,
    live,
    lost: [],
    collected: {},
    collectors: [],
    limits,
    thresholds: DEFAULT_THRESHOLDS,
    ...changes,
  };
}
const found = (changes: Partial<SystemState>, ...sent: Telemetry[]) => findingsOf(system(changes, ...sent));

t.test('a statement that holds all that long ones may have is named, with SQL that ends its calls', async (t) => {
  const longest = {
    pid: 42,
    heldMs: 2_500,
    route: 'POST /rest/v1/rpc/:function',
    statement: 'select slow()',
    same: 16,
  };
  const busy = pool({ long: { inUse: 16, limit: 16, waiting: 24 }, longest });
  const [finding, ...others] = found({}, telemetry({ at: 10_000_500, pools: [busy] }));
  t.match(finding, {
    rule: 'pool.long_statements',
    message:
      'select slow() (POST /rest/v1/rpc/:function) holds 16 connections of pool write of gateway-1, the longest for 2.5 s; 24 long statements wait, and short ones go on with the rest',
    affects: ['gateway/gateway-1'],
  });
  t.match(finding?.remedies?.[0]?.sql, 'where pid = 42 and query_start < to_timestamp(9999)');
  t.match(finding?.remedies?.[0]?.sql, 'backend_start < to_timestamp(9998)', 'no later process with this pid');
  t.same(others, []);
  t.same(found({}, telemetry({ pools: [pool({ long: { inUse: 15, limit: 16, waiting: 1 }, longest })] })), []);
});

t.test('a leak has the route, the place and the age of the connection that is held', async (t) => {
  const leak = { count: 2, pid: 9, heldMs: 31_000, since: 5_000_000, route: 'GET /x', place: 'src/routes/x.ts:12' };
  const [finding] = found({}, telemetry({ pools: [pool({ leak, leaksTotal: 3 })] }));
  t.match(finding, {
    rule: 'pool.leaks',
    message: /that GET \/x took at src\/routes\/x\.ts:12 31 s ago .*pid 9, and 1 more/,
  });
  t.match(finding?.remedies?.[0]?.sql, /where pid = 9 and application_name .* backend_start < to_timestamp\(5000\)/);
});

const workers = (busy: number) => ({
  threads: 4,
  busy,
  admittedBytes: 0,
  admissionLimitBytes: 1,
  chunksDoneTotal: 0,
  chunksFailedTotal: 0,
  chunksRetriedTotal: 0,
  itemsDoneTotal: 0,
  itemsFailedTotal: 0,
  itemP50Ms: 0,
  itemP99Ms: 0,
  recycledTotal: 0,
});
/** Four workers of which `busyAt` are busy in each second of the last minute. */
function batchOf(busyAt: (second: number) => number, lasts = 60) {
  const history = createHistory({ ticks: 120, maxBytes: 1e6 });
  for (let second = 0; second < lasts; second++) {
    history.tick(second * 1_000, new Map([['workers.busy@batch/batch-1', busyAt(second)]]));
  }
  const busy = telemetry({ service: 'batch', instance: 'batch-1', workers: workers(busyAt(lasts - 1)) });
  return (jobProblems: JobProblem[]) => found({ history, collected: { jobProblems } }, busy);
}
const problem = (changes: Partial<JobProblem>): JobProblem => ({
  problem: 'waiting',
  kind: 'image.transform',
  tenant: 'ann',
  priority: 'normal',
  job: 'j1',
  seconds: 61,
  count: 3,
  ...changes,
});

t.test(
  'a chunk past the target of its priority is found while all workers are busy, with who fills them',
  async (t) => {
    const jobProblems = [problem({}), problem({ problem: 'busy', kind: 'ocr', tenant: 'bob', job: 'j2', count: 4 })];
    // In each fifth second, a worker is idle between two chunks.
    const full = batchOf((second) => (second % 5 === 4 ? 3 : 4));
    const [finding] = full(jobProblems);
    t.match(finding, { rule: 'jobs.waiting', subject: 'ocr of bob', measured: 61_000, limit: 60_000 });
    t.match(
      finding?.message,
      /3 chunks of normal priority wait, .*job j1.*all 4 workers have been busy for a minute; 4 of the chunks that run are ocr of bob/,
    );
    t.same(batchOf(() => 3)(jobProblems), [], 'a free worker takes it');
    t.same(batchOf((second) => (second < 20 ? 1 : 4))(jobProblems), [], 'they have been busy for 40 s');
    t.same(batchOf(() => 4, 30)(jobProblems), [], 'the instance has just started');
    t.same(full([problem({ priority: 'low' })]), []);
    t.match(full([problem({ priority: 'high', seconds: 11 })]), [{}]);
  },
);

t.test('a job past its deadline and dead letters are found', async (t) => {
  const jobProblems = [
    problem({ problem: 'overdue', seconds: 12 }),
    problem({ problem: 'dead', kind: 'export', count: 7 }),
  ];
  t.match(found({ collected: { jobProblems } }), [
    { rule: 'jobs.overdue', subject: 'job j1', message: /has not ended 12 s after its deadline/ },
    { rule: 'jobs.dead_letters', key: 'batch: batch dead letters export', message: /7 items of the kind export/ },
  ]);
  t.same(found({ collected: { jobProblems: [problem({ problem: 'overdue', seconds: 2 })] } }), []);
});

t.test('a certificate is found before it ends, and when it is refused', async (t) => {
  const one = { address: 'db:5432', subject: 'db', problem: null };
  const certificates = [
    { ...one, endsAt: NOW + 13 * DAY_MS },
    { ...one, address: 'far:443', endsAt: NOW + 15 * DAY_MS },
    { address: 'away:443', subject: null, endsAt: null, problem: 'connect ECONNREFUSED' },
  ];
  t.match(found({ collected: { certificates } }), [
    { rule: 'certificate.ends', subject: 'db:5432', message: /of db:5432 \(db\) ends on 1970-01-25/ },
    { subject: 'away:443', message: /cannot be verified: connect ECONNREFUSED/ },
  ]);
});

t.test('a dropped index is found once its table is read sequentially, with the SQL that makes it again', async (t) => {
  const dropped = {
    schema: 'public',
    table: 'orders',
    index: 'orders_customer',
    definition: 'CREATE INDEX orders_customer ON public.orders USING btree (customer)',
    scans: 900,
    at: NOW - 8_000,
    sequentialScans: 40,
    sequentialRows: 4_000_000,
  };
  const [finding] = found({ collected: { droppedIndexes: [dropped] } });
  t.match(finding, {
    rule: 'index.dropped',
    subject: 'public.orders',
    message: /the index orders_customer .* 8\.0 s ago/,
  });
  t.equal(
    finding?.remedies?.[0]?.sql,
    'CREATE INDEX CONCURRENTLY orders_customer ON public.orders USING btree (customer)',
  );
  t.same(found({ collected: { droppedIndexes: [{ ...dropped, sequentialScans: 1 }] } }), []);
});

t.test('a statement is slower when its share of slow runs is over 1 % and three times that of its hour', async (t) => {
  const history = new StatementHistory();
  const figures = { errorsTotal: 0, rowsTotal: 0, bytesTotal: 0, totalMs: 0, waitP50Ms: 0, waitP95Ms: 0, waitP99Ms: 0 };
  let callsTotal = 0;
  let slowTotal = 0;
  let second = 0;
  /** Lets time pass, with a hundred runs a second. */
  const run = (seconds: number, slow: number) => {
    for (let n = 0; n < seconds; n++) {
      callsTotal += 100;
      slowTotal += slow;
      const one = { ...figures, id: 'f1', text: 'select x', callsTotal, slowTotal, p50Ms: 0, p95Ms: 0, p99Ms: 0 };
      history.record('gateway/g1', { statements: [one], startedAt: 1 }, second++ * 1_000);
    }
    return found({ statements: history.current((second - 1) * 1_000) });
  };
  t.same(run(200, 10), [], 'without an hour to compare with, nothing is known');
  t.same(run(600, 10), [], 'it has always been so');
  t.same(run(900, 0), []);
  t.match(run(60, 50), [{ rule: 'statement.slower', subject: 'f1', affects: ['gateway/g1'], unit: 'ratio' }]);
});

t.test('a relay stands still only while the WAL grows', async (t) => {
  const watch = new RelayWatch();
  const relay = (confirmedLsn: string) => ({
    role: 'active' as const,
    epoch: null,
    confirmedLsn,
    lagBytes: 0,
    transactionsTotal: 0,
    changesTotal: 0,
    publishedTotal: 0,
    inFlight: 4,
    lastError: null,
  });
  const at = (confirmed: string, wal: string, now: number) => {
    const state = system({ now }, telemetry({ service: 'realtime', instance: 'realtime-1', relay: relay(confirmed) }));
    return findingsOf({ ...state, stalledRelays: watch.update(state.live, wal, now) });
  };
  t.same(at('0/1', '0/1', 0), []);
  t.same(at('0/1', '0/1', 60_000), [], 'nobody writes');
  t.match(at('0/1', '0/9', 61_000), [
    { rule: 'relay.stalled', message: /nothing for 61 s .* 4 messages wait for NATS/ },
  ]);
  t.same(at('0/9', '0/9', 62_000), []);
});

t.test('measured causes of a finding are ruled out; unmeasured ones are not', async (t) => {
  const state = system(
    {
      collected: {
        activity: { version: '18.1', connections: { total: 20, max: 100, waitingForLock: 0 }, running: [] } as never,
      },
    },
    telemetry(),
  );
  const reasons = ruledOut(
    { rule: 'pool.slow' },
    new Set(['pool.slow', 'pool.exhausted']),
    [{ rule: 'index.dropped', why: 'x' }],
    state,
  );
  t.match(reasons, [
    { rule: 'postgres.down', why: 'Postgres 18.1 answers' },
    { rule: 'lock.blocker', why: '0 sessions wait for a lock, none for 2 s' },
  ]);
  const rules = reasons.map(({ rule }) => rule);
  t.notOk(rules.includes('pool.exhausted') || rules.includes('index.dropped'));
});
