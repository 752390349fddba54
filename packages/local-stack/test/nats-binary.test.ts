import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { canSyncAlways, findNats, installCommand } from '../src/nats-binary.ts';
import { temporaryHome } from '../src/temporary-home.ts';

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
  t.match(await findNats(undefined, silent, [join(home.path, 'new')]), { path: fresh, version: '2.12.1' });
  await t.rejects(findNats(undefined, silent, [join(home.path, 'old')]), {
    code: 'STACK_NATS_TOO_OLD',
    message: /2\.8\.4; 2\.9 is the least/,
  });
  rmSync(fresh);
});

const notRoot = { skip: process.getuid?.() === 0 && 'root installs it' };

t.test('without nats-server and without root: the command to type', notRoot, async (t) => {
  await t.rejects(
    findNats(undefined, () => {}, []),
    { code: 'STACK_NATS_MISSING', hint: new RegExp(`Install it with: ${installCommand().text}`) },
  );
});
