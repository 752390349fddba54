import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { canSyncAlways, findNats, installCommand } from '../src/nats-binary.ts';
import { temporaryHome } from '../src/temporary-home.ts';
import { asUser, unprivilegedUser } from '../src/unprivileged-user.ts';

t.test('each system gets its own command', async (t) => {
  for (const [platform, program, command] of [
    ['darwin', '', 'brew install nats-server'],
    ['linux', 'apt-get', 'sudo apt-get install -y nats-server'],
    ['linux', 'apk', 'sudo apk add nats-server'],
    ['linux', 'pacman', 'sudo pacman -S nats-server'],
    ['linux', 'zypper', 'sudo zypper install nats-server'],
    ['linux', 'dnf', 'go install github.com/nats-io/nats-server/v2@v2.11.0'],
  ] as const) {
    t.equal(installCommand(platform, (name) => name === program).text, command);
  }
});

t.test('sync_interval: always needs 2.10', async (t) => {
  for (const version of ['2.9.10', '2.9.25', '1.4.1']) t.notOk(canSyncAlways(version), version);
  for (const version of ['2.10.0', '2.11.4', '3.0.0']) t.ok(canSyncAlways(version), version);
});

t.test('the first nats-server on PATH that is new enough is taken; an old one is refused', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const place = (folder: string, version: string) => {
    mkdirSync(join(home.path, folder));
    const file = join(home.path, folder, 'nats-server');
    writeFileSync(file, `#!/bin/sh\necho "nats-server: v${version}"\n`);
    chmodSync(file, 0o755);
    return file;
  };
  chmodSync(home.path, 0o755);
  const fresh = place('new', '2.12.1');
  place('old', '2.8.4');
  const silent = () => {};
  t.match(await findNats(undefined, home.path, silent, [join(home.path, 'new')]), { path: fresh, version: '2.12.1' });
  await t.rejects(findNats(undefined, home.path, silent, [join(home.path, 'old')]), {
    code: 'STACK_NATS_TOO_OLD',
    message: /2\.8\.4; 2\.9 is the least/,
  });
  rmSync(fresh);
});

const onDebian = { skip: !existsSync('/usr/bin/apt-get') && 'needs apt-get', timeout: 120_000 };

t.test(
  'an ordinary user gets the program of Debian’s package in a folder, and nothing is installed',
  onDebian,
  async (t) => {
    const home = temporaryHome();
    t.teardown(home.remove);
    chmodSync(home.path, 0o755);
    const user = unprivilegedUser();
    const folder = join(home.path, 'nats-server');
    if (user) chownSync(home.path, user.uid, user.gid);
    const script = `
    const { findNats } = await import(${JSON.stringify(import.meta.resolve('../dist/nats-binary.js'))});
    console.log(JSON.stringify(await findNats(undefined, ${JSON.stringify(folder)}, () => {}, [])));`;
    // Without tap's loaders, which the user may not be allowed to read.
    const env = { ...process.env, NODE_OPTIONS: '', HOME: home.path };
    const before = execFileSync('dpkg-query', ['-W'], { encoding: 'utf8' });
    const find = () =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
        ...asUser(user),
        cwd: '/',
        env,
      });
    const first = JSON.parse((await find()).stdout);
    t.match(first, { path: join(realpathSync(folder), 'usr/sbin/nats-server'), version: /^2\.\d+\.\d+$/ });
    t.equal(execFileSync('dpkg-query', ['-W'], { encoding: 'utf8' }), before);
    const modified = statSync(first.path).ctimeMs;
    t.same(JSON.parse((await find()).stdout), first);
    t.equal(statSync(first.path).ctimeMs, modified, 'the second start downloads nothing');
  },
);

t.test('a failed download names the command to type', onDebian, async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  t.teardown(() => delete process.env.APT_CONFIG);
  const config = join(home.path, 'apt.conf');
  writeFileSync(
    config,
    `Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "/dev/null"; Dir::State::lists "${home.path}/none";`,
  );
  process.env.APT_CONFIG = config;
  await t.rejects(
    findNats(undefined, join(home.path, 'nats-server'), () => {}, []),
    { code: 'STACK_NATS_MISSING', hint: new RegExp(`Install it with: ${installCommand().text}`) },
  );
});
