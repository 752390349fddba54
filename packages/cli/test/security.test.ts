/** Checks that the tests and trials that SECURITY.md names exist. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { root } from './tidemark-up.ts';

const text = readFileSync(join(root, 'SECURITY.md'), 'utf8');

t.test('every defence in SECURITY.md names an existing test file', async (t) => {
  const rows = text.split('\n').filter((line) => /^\| (?!asset|---)/.test(line));
  t.ok(rows.length > 40, 'the tables are read');
  for (const row of rows) {
    const tests = [...row.matchAll(/`((?:packages|services)\/\S+\.test\.ts)`/g)].map((match) => match[1] as string);
    t.ok(tests.length > 0, `a test is named: ${row.slice(0, 60)}`);
    for (const path of tests) t.ok(existsSync(join(root, path)), `${path} is there`);
  }
});

t.test('the trials that SECURITY.md names are in the fault lab', async (t) => {
  const trials = readFileSync(join(root, 'packages/bench/src/lab/trials/all.ts'), 'utf8');
  for (const name of ['hostile', 'descriptors-exhausted', 'disk-full']) {
    t.match(text, `\`${name}\``);
    t.match(trials, `${name}.ts`);
  }
});
