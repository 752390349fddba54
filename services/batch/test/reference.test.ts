/** Compares REFERENCE.md with the code. `UPDATE=1` writes the table of the environment. */
import { databaseConfig } from '@tidemark/service';
import { checkTable, ENVIRONMENT, environmentRows } from '@tidemark/testing';
import t from 'tap';
import { configSchema } from '../src/config.ts';

const file = new URL('../REFERENCE.md', import.meta.url);

t.test('REFERENCE.md lists every environment variable, with its default and reason, and no other', async (t) => {
  // The README of packages/service lists the settings of the pools.
  const rows = environmentRows(configSchema, databaseConfig);
  checkTable(t, { file, heading: 'Environment', head: ENVIRONMENT, rows });
});
