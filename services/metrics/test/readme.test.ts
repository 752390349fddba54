/** Compares REFERENCE.md with the code, in both directions. `UPDATE=1` writes their tables. */
import { readdirSync, readFileSync } from 'node:fs';
import { createMetrics } from '@tidemark/service';
import { checkTable, ENVIRONMENT, environmentRows } from '@tidemark/testing';
import t from 'tap';
import type { Alerts } from '../src/alerts/alerts.ts';
import { configSchema } from '../src/config.ts';
import { errors } from '../src/errors.ts';
import type { HealthAnswer } from '../src/health/answer.ts';
import { CAUSES } from '../src/health/causes.ts';
import { RULES } from '../src/health/rule-names.ts';
import { Thresholds } from '../src/health/thresholds.ts';
import { createHistory } from '../src/history/history.ts';
import { SERIES } from '../src/history/samples.ts';
import { createRegistry } from '../src/instances/registry.ts';
import { registerMetrics } from '../src/metrics.ts';
import { registerTelemetryGauges } from '../src/monitor/telemetry-gauges.ts';
import { createBroadcaster } from '../src/stream/broadcaster.ts';
import { EVENT_TYPES, Timeline } from '../src/timeline/timeline.ts';

const file = new URL('../REFERENCE.md', import.meta.url);

t.test('REFERENCE.md lists every environment variable with its default', async (t) => {
  const rows = environmentRows(configSchema);
  checkTable(t, { file, heading: 'Environment', head: ENVIRONMENT, rows });
});

t.test('REFERENCE.md lists every rule with what it finds and explains', async (t) => {
  const explained = (rule: string) =>
    CAUSES.filter((cause) => cause.rule === rule)
      .flatMap(({ explains }) => explains)
      .filter((name) => name !== rule)
      .map((name) => `\`${name}\``);
  const rows = Object.entries(RULES).map(([rule, found]) => [`\`${rule}\``, found, explained(rule).join(', ') || '–']);
  checkTable(t, { file, heading: 'Findings', head: ['rule', 'found when', 'explains'], rows });
});

t.test('every rule has a runbook, and every runbook a rule', async (t) => {
  const folder = new URL('../../../infra/runbooks/', import.meta.url);
  t.same(
    readdirSync(folder).sort(),
    Object.keys(RULES)
      .map((rule) => `${rule}.md`)
      .sort(),
  );
  for (const rule of Object.keys(RULES)) {
    t.match(readFileSync(new URL(`${rule}.md`, folder), 'utf8'), new RegExp(`^# ${rule}\\n[^]*## Look\\n[^]*## Do\\n`));
  }
});

t.test('REFERENCE.md lists every threshold with its default', async (t) => {
  const rows = Object.entries(Thresholds.properties).map(([name, property]) => {
    const { default: value, description = '–' } = property as { default?: number; description?: string };
    return [`\`${name}\``, `\`${value}\``, description];
  });
  checkTable(t, { file, heading: 'Thresholds', head: ['name', 'default', 'limit'], rows });
});

t.test('REFERENCE.md lists every type of event', async (t) => {
  const rows = Object.entries(EVENT_TYPES).map(([type, meaning]) => [`\`${type}\``, meaning]);
  checkTable(t, { file, heading: 'Events', head: ['type', 'meaning'], rows });
});

t.test('REFERENCE.md lists every series with its unit', async (t) => {
  const rows = Object.entries(SERIES).map(([name, unit]) => [`\`${name}\``, unit]);
  checkTable(t, { file, heading: 'Series', head: ['figure', 'unit'], rows });
});

t.test('REFERENCE.md lists every metric with its help text', async (t) => {
  const metrics = createMetrics('metrics');
  const shared = new Set(metrics.registry.getMetricsAsArray().map(({ name }) => name));
  registerMetrics(metrics, {
    registry: createRegistry({ limit: 1, lostAfterMs: 1, dropAfterMs: 1 }),
    history: createHistory({ ticks: 1, maxBytes: 8 }),
    latencies: { bytes: 0 },
    broadcaster: createBroadcaster({ limit: 1, stallMs: 1, observe: () => {} }),
    alerts: { health: () => ({ receivers: [], heartbeat: null }) } as unknown as Alerts,
    timeline: new Timeline(),
    store: { storedBytes: 0, omittedTotal: 0 },
  });
  registerTelemetryGauges(metrics, () => ({}) as HealthAnswer);
  const own = metrics.registry.getMetricsAsArray().filter(({ name }) => !shared.has(name));
  const rows = own.map(({ name, help }) => [`\`${name}\``, help]);
  checkTable(t, { file, heading: 'Prometheus', head: ['metric', 'meaning'], rows });
});

t.test('REFERENCE.md lists every error code', async (t) => {
  const text = readFileSync(new URL('../REFERENCE.md', import.meta.url), 'utf8').split('## Errors\n')[1] ?? '';
  const listed = [...text.matchAll(/^\| `([^`]+)`/gm)].map(([, code]) => code);
  t.same(
    listed.sort(),
    Object.keys(errors)
      .map((name) => `METRICS_${name}`)
      .sort(),
  );
});
