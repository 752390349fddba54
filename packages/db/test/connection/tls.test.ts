import { execFile } from 'node:child_process';
import { chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startTemporaryStack } from '@tidemark/local-stack';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import { checkServer } from '../../src/setup/check-server.ts';
import { migrate } from '../../src/setup/migrate.ts';
import { as, until } from '../open-test-database.ts';

const run = promisify(execFile);

/** An authority, and a certificate by it for `localhost` and 127.0.0.1, as files. */
async function certificate(folder: string, name: string) {
  const [ca, caKey, cert, key, csr] = ['ca.pem', 'ca.key', 'cert.pem', 'key.pem', 'csr.pem'].map((file) =>
    join(folder, `${name}-${file}`),
  ) as [string, string, string, string, string];
  const newKey = ['req', '-newkey', 'rsa:2048', '-nodes', '-sha256'];
  await run('openssl', [...newKey, '-x509', '-days', '2', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca]);
  const names = 'subjectAltName=DNS:localhost';
  await run('openssl', [...newKey, '-subj', '/CN=server', '-addext', names, '-keyout', key, '-out', csr]);
  const sign = ['x509', '-req', '-in', csr, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
  await run('openssl', [...sign, '-copy_extensions', 'copy', '-out', cert]);
  return { ca, cert, key };
}

t.test('uses TLS as the URL asks for it, and verifies the server', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-tls-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [ours, other] = await Promise.all([certificate(folder, 'ours'), certificate(folder, 'other')]);
  const stack = await startTemporaryStack({ nats: false, replica: false });
  t.teardown(() => stack.stop());
  const { primary } = stack;
  const url = (sslmode: string, more: Record<string, string> = {}, host = 'localhost') => {
    const changed = new URL(primary.url);
    changed.hostname = host;
    for (const [name, value] of Object.entries({ sslmode, ...more })) changed.searchParams.set(name, value);
    return changed.href;
  };
  await t.rejects(checkServer(url('require')), { code: 'DB_CONNECT_FAILED', message: /no TLS.*require/ });

  const [data] = await primary.query<{ data_directory: string; ssl_library: string }>(
    "select current_setting('data_directory') as data_directory, current_setting('ssl_library') as ssl_library",
  );
  t.equal(data!.ssl_library, 'OpenSSL', 'this Postgres was built with TLS');
  const { uid, gid } = await stat(data!.data_directory);
  for (const [from, to] of [
    [ours.cert, 'server.crt'],
    [ours.key, 'server.key'],
  ] as const) {
    await copyFile(from, join(data!.data_directory, to));
    await run('chmod', ['600', join(data!.data_directory, to)]);
    await chown(join(data!.data_directory, to), uid, gid);
  }
  await primary.query('alter system set ssl = on');
  await primary.query('select pg_reload_conf()');
  await until('TLS', async () => (await primary.query<{ ssl: string }>('show ssl'))[0]!.ssl === 'on');

  const trusted = { sslrootcert: ours.ca };
  await checkServer(url('require'));
  await checkServer(url('verify-full', trusted));
  await checkServer(url('verify-ca', trusted, '127.0.0.1'));
  const refused = (sslmode: string, more: Record<string, string>, message: RegExp, host?: string) =>
    t.rejects(checkServer(url(sslmode, more, host)), { code: 'DB_CONNECT_FAILED', message }, `${sslmode} ${message}`);
  await refused('verify-full', { sslrootcert: other.ca }, /certificate/);
  await refused('verify-full', {}, /certificate/);
  await refused('require', { sslrootcert: other.ca }, /certificate/);
  await refused('verify-full', trusted, /127\.0\.0\.1|does not match/, '127.0.0.1');

  await migrate(url('verify-full', trusted));
  const db = await openDatabase({ primaryUrl: url('verify-full', trusted), applicationName: 'tls' });
  t.teardown(() => db.close());
  const claims = { identity: as('a'), statement: { text: "select current_setting('role') as role" } };
  await Promise.all(Array.from({ length: 50 }, () => db.read(claims)));
  const sessions = await db.pools.admin.query<{ name: string; ssl: boolean; version: string }>(
    `select application_name as name, ssl, version from pg_stat_ssl join pg_stat_activity using (pid)
     where application_name like 'tls/%'`,
  );
  t.ok(sessions.length >= 3, 'pools and watcher');
  t.same(
    sessions.filter(({ ssl, version }) => !ssl || !version.startsWith('TLSv1.')),
    [],
    'every connection uses TLS',
  );
});
