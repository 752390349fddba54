import t from 'tap';
import { LEAST_FREE_BYTES, Supervisor } from '../src/supervisor.ts';
import { waitUntil } from '../src/wait-until.ts';

const node = { what: 'Postgres primary', dataDir: '/nowhere' };
const exit = { what: node.what, code: 134, log: 'PANIC: could not write' };

t.test('a server that ends on a full disk is started once there is space, however often it failed', async (t) => {
  const lines: string[] = [];
  let free = 0;
  let starts = 0;
  const supervisor = new Supervisor({
    report: (line) => lines.push(line),
    onGivenUp: () => t.fail('it is not given up'),
    freeBytes: () => free,
  });
  t.teardown(() => supervisor.stop());
  supervisor.restart(node, exit, async () => {
    starts += 1;
  });
  t.ok(await waitUntil(() => lines.length === 1, 10_000));
  t.match(lines, [/ended for want of disk space \(0 MB free at \/nowhere\)/]);
  t.equal(starts, 0);
  free = LEAST_FREE_BYTES;
  t.ok(await waitUntil(() => starts === 1 && lines.length === 2, 10_000));
  t.match(lines[1], /runs again/);
});

t.test('a server that ends again and again with space enough is given up', async (t) => {
  let ends = 0;
  const given = new Promise<{ log: string }>((resolve) => {
    const supervisor = new Supervisor({
      report: () => {},
      onGivenUp: resolve,
      freeBytes: () => Number.POSITIVE_INFINITY,
    });
    t.teardown(() => supervisor.stop());
    const end = () =>
      supervisor.restart(node, exit, async () => {
        ends += 1;
        setImmediate(end);
      });
    end();
  });
  t.match(await given, { log: /PANIC/ });
  t.equal(ends, 5);
});

t.test('nothing is started after stop', async (t) => {
  const supervisor = new Supervisor({ report: () => {}, onGivenUp: () => t.fail('not given up'), freeBytes: () => 0 });
  supervisor.restart(node, exit, () => Promise.reject(new Error('not started')));
  await supervisor.stop();
  supervisor.restart(node, exit, () => Promise.reject(new Error('not started')));
  t.pass('both ended');
});
