/** Compares REFERENCE.md and PROTOCOL.md with the code. `UPDATE=1` writes the table of the environment. */
import { readFileSync } from 'node:fs';
import { databaseConfig } from '@tidemark/service';
import { checkTable, ENVIRONMENT, environmentRows } from '@tidemark/testing';
import t from 'tap';
import { configSchema } from '../src/config.ts';

const file = new URL('../REFERENCE.md', import.meta.url);

t.test('REFERENCE.md lists every environment variable with its default', async (t) => {
  // The README of packages/service lists the settings of the pools.
  const rows = environmentRows(configSchema, databaseConfig);
  checkTable(t, { file, heading: 'Environment', head: ENVIRONMENT, rows });
});

t.test('PROTOCOL.md names existing files', async (t) => {
  const text = readFileSync(new URL('../PROTOCOL.md', import.meta.url), 'utf8');
  for (const [, path = ''] of text.matchAll(/`((?:src|test)\/[\w./-]+\.ts)`/g)) {
    t.ok(readFileSync(new URL(`../${path}`, import.meta.url)), path);
  }
});
