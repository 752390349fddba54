import type { LatencyBins, Telemetry } from '@tidemark/contracts';
import { mergedBins, SlidingSketch } from '@tidemark/db';
import t from 'tap';
import { LatencyHistory } from '../../src/history/latencies.ts';
import { joinedSeries, latencyNames, steppedLatencies } from '../../src/history/latency-series.ts';
import { lastMinute } from '../../src/instances/last-minute.ts';
import { telemetry } from '../telemetry-example.ts';

const NOW = 1_700_000_000_000;
const isNear = (value: number | null | undefined, expected: number) =>
  Math.abs((value ?? Number.NaN) - expected) <= 0.03 * expected;

function binsOf(from: number, to: number): LatencyBins {
  const sketch = new SlidingSketch();
  for (let value = from; value <= to; value++) sketch.record(value);
  return mergedBins([sketch]);
}
const telemetryOf = (instance: string, to: number, bins: LatencyBins, route = 'GET /x'): Telemetry => {
  const figures = { requestsTotal: 1, errorsTotal: 0, p50Ms: 1, p95Ms: 1, p99Ms: 1 };
  return telemetry({
    instance,
    http: { ...figures, inFlight: 0, routes: [{ route, ...figures, window: { to, bins } }] },
  });
};

t.test('percentiles of several instances and windows are those of all requests', async (t) => {
  const latencies = new LatencyHistory();
  const record = (instance: string, to: number, bins: LatencyBins) =>
    latencies.record(`gateway/${instance}`, telemetryOf(instance, to, bins), NOW);
  record('a', NOW - 10_000, binsOf(1, 100));
  record('a', NOW - 10_000, binsOf(1, 100));
  record('b', NOW - 10_000, binsOf(101, 200));
  record('a', NOW, binsOf(201, 400));
  const p50 = (from: number, to: number) => latencies.quantiles(['gateway'], from, to, [0.5])?.[0];
  t.ok(isNear(p50(NOW - 20_000, NOW), 200), 'a window that comes twice counts once');
  t.ok(isNear(p50(NOW - 20_000, NOW - 10_000), 100));
  t.equal(latencies.quantiles(['gateway'], NOW - 60_000, NOW - 20_000, [0.5]), null);
  t.equal(latencies.quantiles(['realtime'], 0, NOW, [0.5]), null);
  t.same(latencies.names(), ['gateway', 'gateway/GET /x']);

  const asked = { from: NOW - 60_000, now: NOW, stepMs: 20_000 };
  const { at, series, missing } = steppedLatencies(latencies, ['latency.p50@gateway', 'latency.p99@nobody'], asked);
  t.equal(at.length, 3);
  const { mean, min, max } = series['latency.p50@gateway']!;
  t.ok(isNear(mean.at(-1), 200));
  t.ok(isNear(min.at(-1), 100));
  t.ok(isNear(max.at(-1), 300));
  t.equal(mean[0], null);
  t.same(missing, ['latency.p99@nobody']);
  t.ok(latencyNames(latencies).includes('latency.p95@gateway/GET /x'));
});

t.test('an instance that sends no sketches still counts', async (t) => {
  const latencies = new LatencyHistory();
  const measured = { names: ['gateway'], quantile: 0.99 };
  const both = (a: number | undefined, b: number | undefined) =>
    lastMinute(latencies, NOW, {
      ...measured,
      instances: [
        ['gateway/a', a],
        ['gateway/b', b],
      ],
    });
  t.equal(both(undefined, undefined), null, 'nobody measured');
  t.equal(both(5, 7), 7);
  latencies.record('gateway/a', telemetryOf('a', NOW, binsOf(1, 100)), NOW);
  t.ok(isNear(both(5, 7), 99), 'its own percentile is of less');
  t.equal(both(5, 700), 700);
});

t.test('there are at most 64 series; the one silent for longest makes room, and bytes follow', async (t) => {
  const latencies = new LatencyHistory();
  for (let n = 0; n < 100; n++) {
    const at = NOW + n * 10_000;
    latencies.record('gateway/a', telemetryOf('a', at, binsOf(1, 10), `GET /${n}`), at);
  }
  const names = latencies.names();
  t.equal(names.length, 64);
  t.notOk(names.includes('gateway/GET /0'));
  t.ok(names.includes('gateway/GET /99'));
  const full = latencies.bytes;
  t.ok(full > 0);
  // An hour later only what is new is left of the series.
  latencies.record('gateway/a', telemetryOf('a', NOW + 4_600_000, binsOf(1, 10), 'GET /99'), NOW + 4_600_000);
  t.ok(latencies.bytes < full);
});

t.test('joins series of equal steps by time', async (t) => {
  const one = (name: string, at: number[]) => ({
    at,
    series: { [name]: { mean: at, min: at, max: at } },
    missing: [name],
  });
  t.same(joinedSeries(one('a', [10, 20]), one('b', [20, 30])), {
    at: [10, 20, 30],
    series: {
      a: { mean: [10, 20, null], min: [10, 20, null], max: [10, 20, null] },
      b: { mean: [null, 20, 30], min: [null, 20, 30], max: [null, 20, 30] },
    },
    missing: ['a', 'b'],
  });
});
