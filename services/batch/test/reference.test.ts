import { readFile, writeFile } from 'node:fs/promises';
import { databaseConfig } from '@tidemark/service';
import t from 'tap';
import { configSchema } from '../src/config.ts';

t.test('REFERENCE.md lists every environment variable, with its default and reason, and no other', async (t) => {
  const file = new URL('../REFERENCE.md', import.meta.url);
  // The settings of the pools are in the README of packages/service.
  const own = Object.entries(configSchema.properties).filter(([name]) => !(name in databaseConfig));
  const expected = own.map(([name, schema]) => {
    const { default: value, description } = schema as { default?: unknown; description?: string };
    return [name, value === undefined ? 'required' : String(value), description ?? ''];
  });
  if (process.env.UPDATE) {
    const lines = expected.map(([name, value, text]) => {
      const shown = value === '' || value === 'required' ? value : `\`${value}\``;
      return `| \`${name}\` | ${shown} | ${text} |\n`;
    });
    const before = await readFile(file, 'utf8');
    await writeFile(
      file,
      before.replace(/(\| --- \| --- \| --- \|\n)(\|.*\n)*/, (_, head) => head + lines.join('')),
    );
  }
  const reference = await readFile(file, 'utf8');
  const rows = [...reference.matchAll(/^\| `(\w+)` *\| `?([^|`]*)`? *\| (.*) \|$/gm)].map(([, name, value, text]) => [
    name,
    value?.trim(),
    text?.trim(),
  ]);
  t.same(rows, expected);
});
