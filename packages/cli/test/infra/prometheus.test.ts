/** promtool accepts infra/prometheus, and its alerts ask for metrics that the services have. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebian } from '@tidemark/testing/debian';
import t from 'tap';
import { launch, root, temporaryHome } from '../tidemark-up.ts';
import { infra, readInfra } from './files.ts';

t.test('promtool accepts the configuration and its rules', async (t) => {
  const promtool = join(await unpackDebian(['prometheus']), 'usr/bin/promtool');
  const work = await temporaryHome(t);
  cpSync(infra('prometheus'), work, { recursive: true });
  const token = join(work, 'metrics_token');
  writeFileSync(token, 'a token of 16 characters or more');
  writeFileSync(
    join(work, 'prometheus.yml'),
    readInfra('prometheus/prometheus.yml').replace('/run/secrets/metrics_token', token),
  );
  t.match(
    execFileSync(promtool, ['check', 'config', join(work, 'prometheus.yml')], { encoding: 'utf8' }),
    /SUCCESS: \d+ rules? found/,
  );
  const rules = spawnSync(promtool, ['test', 'rules', join(work, 'alerts.test.yml')], { encoding: 'utf8' });
  t.equal(rules.status, 0, rules.stdout + rules.stderr);
});

t.test('each alert has a test in which it fires, and one in which it does not', (t) => {
  const names = [...readInfra('prometheus/alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const tests = readInfra('prometheus/alerts.test.yml');
  t.ok(names.length > 0);
  for (const name of names) {
    t.match(tests, new RegExp(`\\{ alertname: ${name}, eval_time`), `${name} does not fire`);
    t.match(tests, new RegExp(`- alertname: ${name}\n\\s+eval_time: \\S+\n\\s+exp_alerts:`), `${name} fires`);
  }
  t.end();
});

t.test('the alerts ask for metrics that the services have', async (t) => {
  const folders = ['services', 'packages'].map((folder) => join(root, folder));
  const sources = execFileSync(
    'grep',
    [
      '-rhoE',
      "'tidemark_[a-z0-9_]+'",
      '--include=*.ts',
      '--exclude-dir=node_modules',
      '--exclude-dir=test',
      ...folders,
    ],
    { encoding: 'utf8' },
  );
  const metrics = new Set(sources.split('\n').map((line) => line.slice(1, -1)));
  const asked = readInfra('prometheus/alerts.yml').match(/tidemark_[a-z0-9_]+/g) ?? [];
  t.ok(asked.length >= 8);
  for (const name of asked) t.ok(metrics.has(name), name);
});

t.test('promtool finds nothing to correct in the pages of the four services', async (t) => {
  const promtool = join(await unpackDebian(['prometheus']), 'usr/bin/promtool');
  const { port, home, line } = await launch(t, { args: ['--no-demo'] });
  await line(/^ready/);
  const { ops } = JSON.parse(readFileSync(join(home, 'credentials.json'), 'utf8')) as { ops: string };
  for (const offset of [0, 1, 2, 3]) {
    const url = `http://127.0.0.1:${port + offset}/metrics`;
    const page = await (await fetch(url, { headers: { authorization: `Bearer ${ops}` } })).text();
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], { input: page, encoding: 'utf8' });
    t.same([status, stdout, stderr], [0, '', ''], page.slice(-300));
  }
});
