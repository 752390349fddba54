/** The README lists every environment variable with its default, and no other. `UPDATE=1` writes them. */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { configSchema } from '../src/config.ts';

const file = new URL('../README.md', import.meta.url);

const rows = Object.entries(configSchema.properties)
  .map(([name, property]) => {
    const { default: value, description } = property as { default?: unknown; description?: string };
    const shown = value === undefined ? 'required' : value === '' ? '–' : `\`${String(value)}\``;
    return `| \`${name}\` | ${shown} | ${description ?? '–'} |`;
  })
  .join('\n');

t.test('README.md lists the environment', async (t) => {
  const text = readFileSync(file, 'utf8');
  const head = '| --- | --- | --- |\n';
  const from = text.indexOf(head, text.indexOf('## Environment')) + head.length;
  const to = text.indexOf('\n\n', from);
  if (process.env.UPDATE) writeFileSync(file, text.slice(0, from) + rows + text.slice(to));
  else t.equal(text.slice(from, to), rows, 'UPDATE=1 npx tap test/readme.test.ts writes it');
});

t.test('PROTOCOL.md names files that there are', async (t) => {
  const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');
  for (const [, path = ''] of text.matchAll(/`((?:src|test)\/[\w./-]+\.ts)`/g)) {
    t.ok(readFileSync(new URL(`../${path}`, import.meta.url)), path);
  }
});
