/** Runs the commands of CONTRIBUTING.md as a contributor does, except for those that run every test. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { root } from './tidemark-up.ts';

const run = promisify(execFile);
const text = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8');
const commands = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => (match[1] as string).trim());
const scripts = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).scripts as Record<string, string>;

for (const command of commands) {
  t.test(`runs: ${command}`, { timeout: 300_000 }, async (t) => {
    // Variables of this test run would change what tap prints, and where.
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^TAP|^_TAP/.test(name)));
    await run('bash', ['-euo', 'pipefail', '-c', command], { cwd: root, env });
    t.pass('exits with 0');
  });
}

t.test('names scripts that exist', async (t) => {
  t.ok(commands.length >= 5, 'the commands are found');
  for (const [, name = ''] of text.matchAll(/`npm (?:run )?([a-z:]+)`/g)) t.ok(scripts[name], name);
});

t.test('has a glossary of at most 60 entries', async (t) => {
  const rows = (text.split('## Glossary\n')[1] ?? '').split('\n## ')[0]?.match(/^\| (?!term|---)/gm) ?? [];
  t.ok(rows.length > 5 && rows.length <= 60);
});
