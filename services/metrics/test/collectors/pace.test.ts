import { until } from '@tidemark/testing';
import t from 'tap';
import { startCollector } from '../../src/collectors/collector.ts';
import { Pace } from '../../src/collectors/pace.ts';
import { http, telemetry } from '../telemetry-example.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

t.test('collectors run less often while nobody looks and nothing happens, and at once when that ends', async (t) => {
  const pace = new Pace(50);
  let runs = 0;
  const collect = async () => ++runs;
  const collector = startCollector(
    { name: 'c', intervalMs: 10_000, timeoutMs: 1_000, collect },
    () => undefined,
    undefined,
    pace,
  );
  t.teardown(() => collector.stop());
  await pause(100);
  t.ok(pace.isQuiet);
  t.equal(pace.intervalMs(1_000), 5_000);
  t.equal(runs, 1);
  pace.note();
  t.notOk(pace.isQuiet);
  t.equal(pace.intervalMs(1_000), 1_000);
  await until(() => runs === 2, 'it runs again', 8_000);
});

t.test('requests that a service answers end the quiet; telemetry alone does not', async (t) => {
  const pace = new Pace(20);
  pace.heard(telemetry({ http: http(1) }));
  await pause(40);
  t.ok(pace.isQuiet);
  pace.heard(telemetry({ http: http(1) }));
  t.ok(pace.isQuiet);
  pace.heard(telemetry({ http: http(2) }));
  t.notOk(pace.isQuiet);
});
