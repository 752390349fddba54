/** The replication connection uses TLS as libpq would for the same URL. */
import { until } from '@tidemark/testing';
import { startTlsServer } from '@tidemark/testing/tls';
import t from 'tap';
import { openReplication } from '../../src/relay/replication.ts';

t.test('follows the sslmode of the URL', async (t) => {
  const { primary, ours, other, url, offerTls } = await startTlsServer(t);
  await primary.query('create publication tidemark');
  await primary.query("select pg_create_logical_replication_slot('tls', 'pgoutput')");

  /** Returns whether the connection is encrypted, and the name in the client's certificate. */
  async function connect(sslmode: string, more: Record<string, string> = {}) {
    const replication = await openReplication({
      url: url(sslmode, more),
      applicationName: 'tls test',
      slot: 'tls',
      publication: 'tidemark',
      onMessage: () => {},
      onKeepalive: () => {},
      onEnd: (error) => t.fail(error.message),
    });
    try {
      const [session] = await primary.query<{ ssl: boolean; dn: string | null; path: string }>(
        `select ssl, client_dn as dn from pg_stat_ssl join pg_stat_activity using (pid) where application_name = 'tls test'`,
      );
      return session;
    } finally {
      await replication.close();
      await until(async () => {
        const [slot] = await primary.query<{ active: boolean }>(`select active from pg_replication_slots`);
        return slot?.active === false;
      }, 'the slot to be free');
    }
  }

  t.match(await connect('prefer'), { ssl: false }, 'prefer goes on without TLS');
  await t.rejects(connect('require'), /SSL|TLS/);

  await offerTls();
  t.match(await connect('disable'), { ssl: false });
  t.match(await connect('prefer'), { ssl: true });
  t.match(await connect('require'), { ssl: true }, 'require does not verify the certificate');
  t.match(await connect('require', { search_path: 'public, pg_catalog', options: '-c work_mem=1MB' }), { ssl: true });
  t.match(await connect('verify-full', { sslrootcert: ours.ca }), { ssl: true });
  t.match(await connect('require', { sslcert: ours.cert, sslkey: ours.key }), { ssl: true, dn: '/CN=ours holder' });
  await t.rejects(connect('verify-full'), /certificate/);
  await t.rejects(connect('verify-ca', { sslrootcert: other.ca }), /certificate/);
});
