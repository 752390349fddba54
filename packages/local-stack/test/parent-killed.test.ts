import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import t from 'tap';
import { startStack } from '../src/stack.ts';
import { temporaryHome } from '../src/temporary-home.ts';
import { waitUntil } from '../src/wait-until.ts';
import { processesUnder, runElsewhere } from './another-process.ts';

const LINUX = { skip: process.platform === 'linux' ? false : 'needs /proc' };

async function startElsewhere(home: string, more = ''): Promise<ReturnType<typeof runElsewhere>> {
  const other = runElsewhere(`
    const s = await stack.startStack({ home: ${JSON.stringify(home)}, durable: false });
    await s.primary.query('create table if not exists mark (i int)');
    ${more}
    say({ primary: s.primary.pid, replica: s.replicas[0].pid, nats: s.nats.pid });
    setInterval(() => {}, 1000);`);
  await other.said;
  return other;
}

for (const [name, more] of [
  ['kill -9 of the parent ends everything', ''],
  [
    'the same while the servers stand still (SIGSTOP)',
    'await Promise.all([s.primary.pause(), s.replicas[0].pause(), s.nats.pause()]);',
  ],
] as const) {
  t.test(name, LINUX, async (t) => {
    const home = temporaryHome();
    t.teardown(home.remove);
    const other = await startElsewhere(home.path, more);
    t.ok(processesUnder(home.path).length > 10);
    other.child.kill('SIGKILL');
    const begun = performance.now();
    const gone = await waitUntil(() => processesUnder(home.path).length === 0, 15_000);
    t.ok(gone, 'no process is left');
    t.comment(`gone after ${Math.round(performance.now() - begun)} ms`);
    const again = await startStack({ home: home.path, durable: false });
    t.same(await again.primary.query('select * from mark'), []);
    await again.stop();
  });
}

t.test('servers whose guards were killed too are found and reclaimed', LINUX, async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const other = await startElsewhere(home.path);
  const servers = Object.values(await other.said) as number[];
  const guards = processesUnder(home.path).filter((pid) => !/postgres|nats-server/.test(nameOf(pid)));
  t.equal(guards.length, 6, 'a guard and its watch for each server');
  other.child.kill('SIGSTOP'); // A running process would notice that its guards have ended, and stop the servers itself.
  for (const pid of guards) process.kill(pid, 'SIGKILL');
  other.child.kill('SIGKILL');
  await other.exited;
  for (const pid of servers) t.ok(processesUnder(home.path).includes(pid), `server ${pid} was left behind`);

  const progress: string[] = [];
  const again = await startStack({ home: home.path, durable: false, onProgress: (line) => progress.push(line) });
  t.teardown(() => again.stop());
  t.equal(progress.filter((line) => line.includes('that an earlier run left')).length, 3);
  for (const pid of servers) t.notOk(processesUnder(home.path).includes(pid), `server ${pid} is gone`);
  t.same(await again.primary.query('select * from mark'), []);
});

t.test('Ctrl-C in the terminal does not reach the servers', LINUX, async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const other = await startElsewhere(home.path);
  const servers = Object.values(await other.said) as number[];
  for (const pid of servers) t.not(groupOf(pid), groupOf(other.child.pid!), 'a process group of its own');
  other.child.kill('SIGKILL');
  t.ok(await waitUntil(() => processesUnder(home.path).length === 0, 15_000));
});

t.test('the folder of a process that was killed is removed as well', LINUX, async (t) => {
  const other = runElsewhere(`
    const s = await stack.startTemporaryStack({ nats: false, replica: false });
    say({ folder: s.dataFolder });
    setInterval(() => {}, 1000);`);
  const { folder } = (await other.said) as { folder: string };
  other.child.kill('SIGKILL');
  const name = folder.slice(dirname(folder).length + 1);
  t.ok(await waitUntil(() => !readdirSync(dirname(folder)).includes(name), 20_000));
});

/** The process group of /proc/<pid>/stat, the third field after the name. */
function groupOf(pid: number): string | undefined {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[2];
}

function nameOf(pid: number): string {
  return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
}
