/** promtool accepts infra/prometheus, and its alerts ask for metrics that the services have. */
import { execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { unpackDebian } from '@tidemark/testing/debian';
import t from 'tap';
import { root, temporaryHome } from '../tidemark-up.ts';
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
