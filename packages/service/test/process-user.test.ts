/** Tests process-user.ts on real processes. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';

const isRoot = process.getuid?.() === 0;
const built = new URL('../dist/run-service.js', import.meta.url).href;

/** Runs a service that writes a file, says who it is, and ends. */
function runProbe(env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'tidemark-user-'));
  chmodSync(folder, 0o777);
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const probe = `
    import { mkdirSync, statSync, writeFileSync } from 'node:fs';
    import { runService } from ${JSON.stringify(built)};
    await runService({ name: 'probe', start: async () => {
      writeFileSync(${JSON.stringify(join(folder, 'file'))}, 'x');
      mkdirSync(${JSON.stringify(join(folder, 'folder'))});
      const mode = (name) => (statSync(${JSON.stringify(folder)} + '/' + name).mode & 0o777).toString(8);
      console.log(JSON.stringify({ uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), file: mode('file'), folder: mode('folder') }));
      process.exit(0);
    }});`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', probe], {
    cwd: '/',
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  });
  return { said: stdout ? JSON.parse(stdout) : undefined, stderr, status };
}

t.test('files of a service are readable by its user only', async (t) => {
  t.match(runProbe({ RUN_AS_USER: 'root' }).said, { file: '600', folder: '700' });
});

t.test('root without RUN_AS_USER gets a warning with a hint', { skip: !isRoot && 'needs root' }, async (t) => {
  const { said, stderr } = runProbe({});
  t.equal(said.uid, 0);
  t.match(stderr, /probe: WARNING: it runs as root.*Set RUN_AS_USER/);
  t.equal(runProbe({ RUN_AS_USER: 'root' }).stderr, '', 'unless it is asked for');
});

t.test(
  'a root process with RUN_AS_USER becomes that user before it starts',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const id = (flag: string) => Number(spawnSync('id', [flag, 'nobody'], { encoding: 'utf8' }).stdout);
    const { said, stderr } = runProbe({ RUN_AS_USER: 'nobody' });
    t.match(said, { uid: id('-u'), gid: id('-g'), groups: [id('-g')], file: '600' });
    t.equal(stderr, '');
  },
);

t.test(
  'a user that does not exist is a failed start, not a start as root',
  { skip: !isRoot && 'needs root' },
  async (t) => {
    const { said, stderr, status } = runProbe({ RUN_AS_USER: 'no-such-user' });
    t.equal(said, undefined);
    t.equal(status, 1);
    t.match(stderr, /RUN_AS_USER=no-such-user: there is no such user/);
  },
);

t.test('an ordinary user keeps its identity', { skip: isRoot && 'needs an ordinary user' }, async (t) => {
  t.match(runProbe({}), { said: { uid: process.getuid?.() }, stderr: '' });
});
