import { readFileSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { BoundedLog } from '../src/bounded-log.ts';
import { temporaryHome } from '../src/temporary-home.ts';

t.test('a log keeps to its bound while its writer goes on, and gives what came since a mark', async (t) => {
  const home = temporaryHome();
  t.teardown(home.remove);
  const log = new BoundedLog(join(home.path, 'x.log'));
  t.teardown(() => log.close());
  writeSync(log.fd, 'before\n');
  log.mark();
  writeSync(log.fd, 'after\n');
  t.equal(log.sinceMark(), 'after');
  log.turnOver(1000);
  t.equal(statSync(log.path).size, 13, 'below the bound nothing happens');
  writeSync(log.fd, `${'x'.repeat(2000)}\n`);
  log.turnOver(1000);
  t.equal(readFileSync(`${log.path}.1`, 'utf8').length, 2014);
  writeSync(log.fd, 'new\n');
  t.equal(readFileSync(log.path, 'utf8'), 'new\n');
  t.equal(log.sinceMark(), 'new');
});
