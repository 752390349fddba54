import { startTlsServer } from '@tidemark/testing/tls';
import t from 'tap';
import { openDatabase } from '../../src/database.ts';
import { checkServer } from '../../src/setup/check-server.ts';
import { migrate } from '../../src/setup/migrate.ts';
import { as } from '../open-test-database.ts';

t.test('uses TLS as the URL asks for it, and verifies the server', async (t) => {
  const { ours, other, url, offerTls } = await startTlsServer(t);
  await t.rejects(checkServer(url('require')), { code: 'DB_CONNECT_FAILED', message: /no TLS.*require/ });

  await offerTls();

  const trusted = { sslrootcert: ours.ca };
  await checkServer(url('require'));
  await checkServer(url('verify-full', trusted));
  await checkServer(url('verify-ca', trusted, '127.0.0.1'));
  await checkServer(url('require', { sslcert: ours.cert, sslkey: ours.key }));
  const refused = (sslmode: string, more: Record<string, string>, message: RegExp, host?: string) =>
    t.rejects(checkServer(url(sslmode, more, host)), { code: 'DB_CONNECT_FAILED', message }, `${sslmode} ${message}`);
  await refused('verify-full', { sslrootcert: other.ca }, /certificate/);
  await refused('verify-full', {}, /certificate/);
  await refused('require', { sslcert: other.cert, sslkey: other.key }, /refused the client certificate/);
  await refused('verify-ca', { sslrootcert: '/nowhere/ca.pem' }, /sslrootcert cannot be read: ENOENT/);
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
