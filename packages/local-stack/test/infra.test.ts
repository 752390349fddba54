/** Compares infra/postgres with the settings of the local Postgres. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { BASE_SETTINGS, HBA } from '../src/postgres-config.ts';

const read = (name: string) => readFileSync(new URL(`../../../infra/postgres/${name}`, import.meta.url), 'utf8');
const lines = (text: string) => text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));

/** Settings that depend on running everything on one machine. */
const LOCAL_ONLY = [
  'listen_addresses',
  'unix_socket_directories',
  'wal_retrieve_retry_interval',
  'scram_iterations',
  'timezone',
  'log_timezone',
];

t.test('postgresql.conf has the settings of the local Postgres, and no others', async (t) => {
  const found = Object.fromEntries(
    lines(read('postgresql.conf')).map((line) => {
      const [, name = '', quoted, bare] = /^(\w+) = (?:'(.*)'|(\S+))$/.exec(line) ?? [];
      return [name, quoted ?? bare];
    }),
  );
  const expected = Object.entries(BASE_SETTINGS).filter(([name]) => !LOCAL_ONLY.includes(name));
  t.same(found, Object.fromEntries(expected.map(([name, value]) => [name, String(value)])));
});

t.test('pg_hba.conf lets in the logins of roles.sql and no others; both ask for passwords', async (t) => {
  const logins = [...read('roles.sql').matchAll(/^alter role (\w+) login/gm)].map(([, name]) => name as string);
  t.equal(logins.length, 6);
  const entries = lines(read('pg_hba.conf')).map((line) => line.split(/\s+/));
  t.same(entries.map(([, , user]) => user).sort(), [...logins, 'tidemark_replicator'].sort());
  for (const [type, , , , method] of entries) t.same([type, method], ['hostssl', 'scram-sha-256']);
  for (const line of lines(HBA)) t.match(line, /^host .* 127\.0\.0\.1\/32 +scram-sha-256$/);
});
