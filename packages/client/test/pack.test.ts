/** `pnpm pack` gives a tarball that installs into an empty project: as ESM, from CommonJS, with types, and in a Vite build. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const run = promisify(execFile);
const client = fileURLToPath(new URL('..', import.meta.url));
const root = join(client, '../..');
const programOf = (name: string, path: string) =>
  join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), path);

const USE = `
const { url } = createClient('http://127.0.0.1:8080', { token: 'x' }).from('notes').select('id').eq('id', 1);
console.log(String(url));`;

t.test('the tarball installs into an empty project', { timeout: 300_000 }, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-pack-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const env = { ...process.env, NODE_OPTIONS: '' };
  await run(join(root, 'node_modules/.bin/pnpm'), ['pack', '--pack-destination', folder], { cwd: client, env });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));

  const project = join(folder, 'project');
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "name": "project", "private": true }');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', join(folder, tarball as string)], {
    cwd: project,
    env,
  });
  const node = (...args: string[]) => run(process.execPath, args, { cwd: project, env });
  const wanted = 'http://127.0.0.1:8080/rest/v1/notes?select=id&id=eq.1\n';

  await writeFile(join(project, 'esm.mjs'), `import { createClient } from '@tidemark/client';${USE}`);
  t.same(await node('esm.mjs'), { stdout: wanted, stderr: '' });
  await writeFile(join(project, 'cjs.cjs'), `const { createClient } = require('@tidemark/client');${USE}`);
  t.same(await node('cjs.cjs'), { stdout: wanted, stderr: '' });

  await writeFile(
    join(project, 'types.mts'),
    `import { createClient } from '@tidemark/client';
const client = createClient('http://127.0.0.1:8080');
const job = await client.jobs.start({ kind: 'noop', spec: {} });
const state: 'queued' | 'planning' | 'running' | 'paused' | 'succeeded' | 'partly_failed' | 'failed' | 'cancelled' = job.state;
// @ts-expect-error: the types are known, and not any
const wrong: number = job.state;
console.log(state, wrong);`,
  );
  const compilerOptions = {
    noEmit: true,
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    lib: ['es2023', 'dom'],
    types: [],
  };
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['types.mts'] }));
  const checked = await node(programOf('typescript', 'bin/tsc'), '-p', '.').catch((error) => error);
  t.equal(checked.stdout, '');

  await writeFile(join(project, 'index.html'), '<script type="module" src="/esm.mjs"></script>');
  await node(programOf('vite', 'bin/vite.js'), 'build', '--logLevel', 'error');
  const assets = await readdir(join(project, 'dist/assets'));
  t.same(
    assets.map((name) => name.endsWith('.js')),
    [true],
  );
});
