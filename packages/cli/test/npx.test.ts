/** `npx --no -- tidemark …` from the clone, on the database that runs in the home. */
import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { launch, root, temporaryHome } from './tidemark-up.ts';

const run = promisify(execFile);

t.test('commands find the database that runs in the home', async (t) => {
  const { home, line, child, ended } = await launch(t, { args: ['--no-demo'] });
  await line(/^ready/);
  const env = { ...process.env, NODE_OPTIONS: '', TIDEMARK_HOME: home, DATABASE_URL: '', DATABASE_OWNER_URL: '' };
  const tidemark = async (...args: string[]) =>
    (await run('npx', ['--no', '--', 'tidemark', ...args], { cwd: join(root, 'packages'), env })).stdout;

  t.equal((await stat(join(home, 'running.json'))).mode & 0o777, 0o600);
  // Without `--`, npx itself takes flags that follow the name.
  t.equal(await tidemark('--version'), '0.1.0\n');
  t.match(await tidemark('--help'), /Examples:/);
  t.match(await tidemark('live', 'list'), /tidemark\.jobs/);
  t.match(await tidemark('types'), /export (interface|type) Database/);

  child.kill('SIGINT');
  t.equal(await ended, 0);
  await t.rejects(tidemark('live', 'list'), { message: new RegExp(`no \`npm start\` runs in ${home}`) });
});

t.test('without a running home, the environment or a home is asked for', async (t) => {
  const home = await temporaryHome(t);
  const env = { ...process.env, NODE_OPTIONS: '', TIDEMARK_HOME: home, DATABASE_URL: '', DATABASE_OWNER_URL: '' };
  await t.rejects(run('npx', ['--no', '--', 'tidemark', 'migrate'], { cwd: root, env }), {
    message: /CLI_USAGE: which database\? DATABASE_URL is not set/,
  });
});
