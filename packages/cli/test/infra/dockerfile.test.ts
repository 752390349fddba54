/** The steps of infra/docker/Dockerfile, run without Docker: what they leave is a gateway that loads and starts. */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import t from 'tap';
import { root, temporaryHome } from '../tidemark-up.ts';
import { infra, readInfra } from './files.ts';

const text = readInfra('docker/Dockerfile');
const PATH = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`;
const env = { ...process.env, PATH, CI: 'true', TURBO_TELEMETRY_DISABLED: '1', NODE_OPTIONS: '', SERVICE: 'gateway' };

t.test('the image starts as an ordinary user, with its health checked', async (t) => {
  t.match(text, /^USER node$/m);
  t.match(text, /^HEALTHCHECK .*healthcheck\.mjs"\]$/m);
  for (const [, sources] of text.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
    for (const source of (sources as string).split(' '))
      t.ok(existsSync(join(root, source.replace(/\*.*/, ''))), source);
  }
});

t.test('its steps leave a gateway that starts without sources, tests or development dependencies', async (t) => {
  const work = await temporaryHome(t);
  const app = join(work, 'app');
  /** A RUN step of the Dockerfile, as it is written there. */
  const step = (pattern: RegExp, cwd: string, more = '') => {
    const [, command] = pattern.exec(text) ?? [];
    if (command === undefined) throw new Error(`the Dockerfile has no step ${pattern}`);
    execFileSync('sh', ['-c', `${command}${more}`], { cwd, env, stdio: ['ignore', 'ignore', 'inherit'] });
  };
  step(/^RUN (turbo prune .*)$/m, root, ` --out-dir ${join(work, 'out')}`);
  cpSync(join(work, 'out/json'), app, { recursive: true });
  step(/^RUN (pnpm install .*--prod.*)$/m, app, ' --offline');
  // The build of this tree stands for the image's own, which would take half a minute.
  const [, gather] = /^RUN mkdir \/app && (tar .*) \| tar -x -C \/app$/m.exec(text) ?? [];
  execFileSync('sh', ['-c', `${gather} | tar -x -C ${app}`], { cwd: root, env });
  mkdirSync(join(app, 'infra/docker'), { recursive: true });
  for (const name of ['entrypoint.sh', 'healthcheck.mjs'])
    cpSync(infra(`docker/${name}`), join(app, 'infra/docker', name));

  t.notOk(existsSync(join(app, 'services/gateway/src')));
  t.notOk(existsSync(join(app, 'node_modules/.pnpm/node_modules/tap')));
  const memory = join(work, 'memory.max');
  writeFileSync(memory, String(1024 ** 3));
  const started = spawnSync('infra/docker/entrypoint.sh', {
    cwd: app,
    env: { PATH: process.env.PATH, SERVICE: 'gateway', CGROUP_MEMORY_FILE: memory, RUN_AS_USER: 'root' },
    encoding: 'utf8',
  });
  // All modules were loaded: what is missing is a configuration.
  t.match(started.stderr, /CONFIG_INVALID[\s\S]*DATABASE_URL is not set/);

  // The heap's limit is 60 % of the container's memory.
  writeFileSync(join(app, 'services/gateway/dist/main.js'), 'console.log(JSON.stringify(process.execArgv))');
  const shown = execFileSync('infra/docker/entrypoint.sh', {
    cwd: app,
    env: { PATH: process.env.PATH, SERVICE: 'gateway', CGROUP_MEMORY_FILE: memory },
    encoding: 'utf8',
  });
  t.same(JSON.parse(shown), ['--max-old-space-size=614']);
});
