/** The README lists the settings of the pools with their aliases, and no others. `UPDATE=1` writes them. */
import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { databaseAliases, databaseConfig } from '../src/database-config.ts';

const file = new URL('../README.md', import.meta.url);
const TABLE = /(?<=^\| variable \| default \| also called \| meaning \|\n\| --- \| --- \| --- \| --- \|\n)(\|.*\n)*/m;

const rows = Object.entries(databaseConfig).map(([name, schema]) => {
  const { default: value, description } = schema as { default?: unknown; description?: string };
  const aliases = Object.entries(databaseAliases).filter(([, own]) => own === name);
  const other = aliases.map(([alias]) => `\`${alias}\``).join(', ');
  return `| \`${name}\` | ${value} | ${other} | ${description} |\n`;
});

t.test('README.md lists the settings of the pools', async (t) => {
  const text = readFileSync(file, 'utf8');
  if (process.env.UPDATE) writeFileSync(file, text.replace(TABLE, rows.join('')));
  else t.equal(TABLE.exec(text)?.[0], rows.join(''));
});
