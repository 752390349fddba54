/** Standard output on a full disk. /dev/full refuses each write with ENOSPC, as a full disk does. */
import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { createLogger } from '../src/index.ts';
import { openLogDestination } from '../src/log-destination.ts';
import { runScript } from './run-script.ts';

t.test('on a full disk the log drops lines, and later reports how many', async (t) => {
  let text = '';
  let space = 0;
  const told: number[] = [];
  const log = openLogDestination(
    1,
    (dropped) => told.push(dropped),
    (_fd, bytes, from) => {
      if (space === 0) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      const part = bytes.subarray(from, from + space);
      space -= part.length;
      text += part;
      return part.length;
    },
  );
  log.write('one\n');
  log.write('two\n');
  t.same([text, told, log.droppedTotal()], ['', [], 2]);
  space = 1_000;
  log.write('three\n');
  t.same(told, [2]);
  space = 2;
  log.write('four\n');
  space = 1_000;
  log.write('five\n');
  t.same(told, [2, 1]);
  t.equal(text, '\nthree\nfo\nfive\n', 'a line that was cut does not run into the next');
});

t.test('a logger on a full disk never throws', async (t) => {
  const fd = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(fd));
  const logger = createLogger({ service: 'test', instance: 'i', level: 'info', fd });
  t.doesNotThrow(() => logger.info('nobody reads this'));
});

t.test('a process with full standard output and error survives errors of exhausted resources', async (t) => {
  const ended = await runScript(
    `import { runService } from './src/index.ts';
     import { openSync } from 'node:fs';
     void runService({ name: 'test', async start() {
       process.stdout.write('to a full disk');
       process.stderr.write('to a full disk');
       setTimeout(() => { throw Object.assign(new Error('no space'), { code: 'ENOSPC' }) });
       void Promise.reject(Object.assign(new Error('too many'), { code: 'EMFILE' }));
       setTimeout(() => process.exit(42), 200);
       return { url: '', phases: [] };
     } });`,
    '/dev/full',
  );
  t.equal(ended, 42);
  const crashed = await runScript(
    `import { runService } from './src/index.ts';
     void runService({ name: 'test', async start() {
       setTimeout(() => { throw new TypeError('a bug') });
       return { url: '', phases: [] };
     } });`,
    '/dev/null',
  );
  t.equal(crashed, 70, 'any other error ends it, as before');
});
