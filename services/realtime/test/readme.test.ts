/** Compares REFERENCE.md and PROTOCOL.md with the code. `UPDATE=1` writes the table of the environment. */
import { readFileSync, writeFileSync } from 'node:fs';
import { databaseConfig } from '@tidemark/service';
import t from 'tap';
import { configSchema } from '../src/config.ts';

const file = new URL('../REFERENCE.md', import.meta.url);

const HEAD = ['variable', 'default', 'meaning'];

/** Leaves out the settings of the pools, which the README of packages/service lists. */
const own = Object.entries(configSchema.properties).filter(([name]) => !(name in databaseConfig));
const wanted = own.map(([name, property]) => {
  const { default: value, description } = property as { default?: unknown; description?: string };
  const shown = value === undefined ? 'required' : value === '' ? '–' : `\`${String(value)}\``;
  return [`\`${name}\``, shown, description ?? '–'];
});

const TABLE = /(?<=^## Environment\n[^|#]*)\|[^#]*\|\n/m;

const cells = (line: string) =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim());

/** Returns a table whose columns are as wide as their widest cell. */
function table(rows: readonly string[][]): string {
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  const line = (row: readonly string[], fill = ' ') =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] as number, fill)).join(' | ')} |\n`;
  const [head = HEAD, ...body] = rows;
  return [line(head), line(['', '', ''], '-'), ...body.map((row) => line(row))].join('');
}

t.test('REFERENCE.md lists every environment variable with its default', async (t) => {
  const text = readFileSync(file, 'utf8');
  const found = TABLE.exec(text)?.[0] ?? '';
  if (process.env.UPDATE)
    writeFileSync(
      file,
      text.replace(TABLE, () => table([HEAD, ...wanted])),
    );
  else {
    const [head, , ...rows] = found.trimEnd().split('\n').map(cells);
    t.same(head, HEAD);
    t.same(rows, wanted, 'UPDATE=1 npx tap test/readme.test.ts writes it');
  }
});

t.test('PROTOCOL.md names existing files', async (t) => {
  const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');
  for (const [, path = ''] of text.matchAll(/`((?:src|test)\/[\w./-]+\.ts)`/g)) {
    t.ok(readFileSync(new URL(`../${path}`, import.meta.url)), path);
  }
});
