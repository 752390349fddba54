import t from 'tap';
import { createHistory } from '../../src/history/history.ts';
import { LatencyHistory } from '../../src/history/latencies.ts';
import { createRegistry } from '../../src/instances/registry.ts';
import { createMonitor } from '../../src/monitor/monitor.ts';
import { createTopicVersions } from '../../src/stream/topic-versions.ts';
import { TOPIC_NAMES } from '../../src/stream/topics.ts';
import { http, pool, telemetry } from '../telemetry-example.ts';

const LIMITS = {
  expected: [],
  lostAfterMs: 5_000,
  replicaLagMs: 5_000,
  slotBytes: 1e9,
  transactionMs: 60_000,
};
/** Bytes a second that a page may take. */
const MAX_BYTES_PER_S = 3_000;

const latencies = new LatencyHistory();

function monitorOf(instances: number) {
  const registry = createRegistry({ limit: 256, lostAfterMs: 5_000, dropAfterMs: 60_000 });
  const history = createHistory({ ticks: 60, maxBytes: 32 * 1024 ** 2 });
  const collectors = { values: () => ({}), states: () => [] };
  const monitor = createMonitor({ registry, history, collectors, limits: LIMITS, observe: () => {} });
  const record = (now: number) => {
    for (let n = 0; n < instances; n++) {
      const pools = [pool(), pool({ name: 'read:replica1' }), pool({ name: 'admin' })];
      monitor.record(telemetry({ instance: `gateway-${n}`, at: now, http: http(now + n), pools }), now);
    }
    return monitor.tick(now);
  };
  return record;
}

t.test('all topics together take at most 3 KB a second with 80 instances', async (t) => {
  const record = monitorOf(80);
  const versions = createTopicVersions();
  const sent = new Map<string, number>();
  let bytes = 0;
  for (let second = 1; second <= 30; second++) {
    const health = record(second * 1_000);
    for (const [name, { version, data }] of versions.update(new Set(TOPIC_NAMES), {
      health,
      latencies,
      collected: {},
      events: [],
    })) {
      // The first texts are those of a page that opens.
      if (sent.get(name) !== version && second > 5) bytes += data.length;
      sent.set(name, version);
    }
  }
  t.ok(bytes / 25 < MAX_BYTES_PER_S, `${Math.round(bytes / 25)} bytes a second`);
});

t.test('a topic that has not changed keeps its version, and a figure that nobody reports is null', async (t) => {
  const record = monitorOf(0);
  const versions = createTopicVersions();
  const wanted = new Set(['path', 'findings']);
  const first = new Map(versions.update(wanted, { health: record(1_000), latencies, collected: {}, events: [] }));
  const second = versions.update(wanted, { health: record(2_000), latencies, collected: {}, events: [] });
  t.equal(second.get('path')?.version, first.get('path')?.version);
  t.match(JSON.parse(second.get('path')?.data ?? ''), {
    requestsPerSecond: null,
    gateways: { p99Ms: null },
    relay: null,
  });
});
