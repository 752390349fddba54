/** The dashboard of infra/grafana asks for metrics that exist, shows all of every instance, and promtool accepts its expressions. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebian } from '@tidemark/testing/debian';
import t from 'tap';
import { root } from '../tidemark-up.ts';
import { readInfra } from './files.ts';

interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: { expr: string }[];
}
const { panels } = JSON.parse(readInfra('grafana/tidemark.json')) as { panels: Panel[] };
const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const shown = new Set(expressions.flatMap((expr) => expr.match(/tidemark_[a-z0-9_]+/g) ?? []));

/** The metrics of the whole system, as the metrics service documents them; a test there compares them with its page. */
function documented(): string[] {
  const text = readFileSync(join(root, 'services/metrics/REFERENCE.md'), 'utf8').split('## Prometheus\n')[1] ?? '';
  const table = text.split('\n## ')[0] ?? '';
  return [...table.matchAll(/^\| `(tidemark_[a-z0-9_]+)`/gm)].map(([, name]) => name as string);
}

t.test('shows every metric of the system, and none that does not exist', async (t) => {
  const metrics = documented();
  const ofTheSystem = metrics.filter((name) => !name.startsWith('tidemark_metrics_'));
  t.ok(ofTheSystem.length > 20);
  for (const name of ofTheSystem) t.ok(shown.has(name), `${name} is shown`);
  for (const name of shown) t.ok(metrics.includes(name), `${name} exists`);
});

t.test('promtool accepts every expression', async (t) => {
  const promtool = join(await unpackDebian(['prometheus']), 'usr/bin/promtool');
  const file = join(t.testdir(), 'rules.yml');
  const rules = expressions.map(
    (expr, index) => `      - record: panel:${index}\n        expr: ${JSON.stringify(expr)}\n`,
  );
  writeFileSync(file, `groups:\n  - name: dashboard\n    rules:\n${rules.join('')}`);
  t.match(execFileSync(promtool, ['check', 'rules', file], { encoding: 'utf8' }), /SUCCESS/);
});

t.test('its panels have titles and ids of their own, and none covers another', async (t) => {
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length);
  for (const one of panels) {
    t.ok(one.title.length > 0 && one.gridPos.x + one.gridPos.w <= 24, one.title);
    for (const other of panels) {
      if (other.id <= one.id) continue;
      const [a, b] = [one.gridPos, other.gridPos];
      const covers = a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
      t.notOk(covers, `${one.title}, ${other.title}`);
    }
  }
});
