/** What the README lists is what there is, in both directions. */
import { readFileSync } from 'node:fs';
import { createMetrics } from '@tidemark/service';
import t from 'tap';
import { configSchema } from '../src/config.ts';
import { errors } from '../src/errors.ts';
import type { HealthAnswer } from '../src/health/answer.ts';
import { createHistory } from '../src/history/history.ts';
import { SERIES } from '../src/history/samples.ts';
import { createRegistry } from '../src/instances/registry.ts';
import { registerMetrics } from '../src/metrics.ts';
import { registerTelemetryGauges } from '../src/monitor/telemetry-gauges.ts';
import { createBroadcaster } from '../src/stream/broadcaster.ts';

/** Without the blanks that line the tables up. */
const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8').replace(/ +/g, ' ');

/** The first column of the table below a heading. */
function listed(heading: string): string[] {
  const section = readme.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return [...section.matchAll(/^\| `([^`]+)`/gm)].map((match) => match[1] as string).sort();
}

t.test('environment variables, with their defaults', async (t) => {
  const own = Object.entries(configSchema.properties).filter(
    ([name]) => name === 'PORT' || name.startsWith('METRICS_'),
  );
  t.same(listed('Environment'), own.map(([name]) => name).sort());
  for (const [name, { default: value }] of own as [string, { default?: unknown }][]) {
    t.ok(
      readme.includes(`| \`${name}\` | ${value} |`.replace(/ +/g, ' ')),
      `${name} is listed with its default, ${value}`,
    );
  }
});

t.test('error codes', async (t) => {
  t.same(
    listed('Errors'),
    Object.keys(errors)
      .map((name) => `METRICS_${name}`)
      .sort(),
  );
});

t.test('series', async (t) => {
  t.same(listed('Series'), Object.keys(SERIES).sort());
});

t.test('Prometheus metrics', async (t) => {
  const metrics = createMetrics('metrics');
  const before = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
  const observe = () => {};
  registerMetrics(metrics, {
    registry: createRegistry({ limit: 1, lostAfterMs: 1, dropAfterMs: 1 }),
    history: createHistory({ ticks: 1, maxBytes: 8 }),
    broadcaster: createBroadcaster({ limit: 1, stallMs: 1, observe }),
  });
  registerTelemetryGauges(metrics, () => ({}) as HealthAnswer);
  const names = metrics.registry.getMetricsAsArray().map(({ name }) => name);
  t.same(listed('Prometheus'), names.filter((name) => !before.has(name)).sort());
});
