/** The replication connection uses TLS as libpq would for the same URL. */
import { startTemporaryStack } from '@tidemark/local-stack';
import { openCertificates, serveTls } from '@tidemark/testing/tls';
import t from 'tap';
import { openReplication } from '../../src/relay/replication.ts';
import { waitFor } from '../test-realtime.ts';

t.test('follows the sslmode of the URL', async (t) => {
  const certificates = await openCertificates();
  t.teardown(certificates.remove);
  const [ours, other] = await Promise.all([certificates.make('ours'), certificates.make('other')]);
  const stack = await startTemporaryStack({ nats: false, replica: false });
  t.teardown(() => stack.stop());
  const { primary } = stack;
  await primary.query('create publication tidemark');
  await primary.query("select pg_create_logical_replication_slot('tls', 'pgoutput')");

  /** Returns whether the connection is encrypted, and the name in the client's certificate. */
  async function connect(sslmode: string, more: Record<string, string> = {}) {
    const url = new URL(primary.url);
    url.hostname = 'localhost';
    for (const [name, value] of Object.entries({ sslmode, ...more })) url.searchParams.set(name, value);
    const replication = await openReplication({
      url: url.href,
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
      await waitFor(async () => {
        const [slot] = await primary.query<{ active: boolean }>(`select active from pg_replication_slots`);
        return slot?.active === false;
      }, 'the slot to be free');
    }
  }

  t.match(await connect('prefer'), { ssl: false }, 'prefer goes on without TLS');
  await t.rejects(connect('require'), /SSL|TLS/);

  await serveTls(primary, ours);
  await waitFor(async () => (await primary.query<{ ssl: string }>('show ssl'))[0]?.ssl === 'on', 'TLS');
  t.match(await connect('disable'), { ssl: false });
  t.match(await connect('prefer'), { ssl: true });
  t.match(await connect('require'), { ssl: true }, 'require does not verify the certificate');
  t.match(await connect('require', { search_path: 'public, pg_catalog', options: '-c work_mem=1MB' }), { ssl: true });
  t.match(await connect('verify-full', { sslrootcert: ours.ca }), { ssl: true });
  t.match(await connect('require', { sslcert: ours.cert, sslkey: ours.key }), { ssl: true, dn: '/CN=ours holder' });
  await t.rejects(connect('verify-full'), /certificate/);
  await t.rejects(connect('verify-ca', { sslrootcert: other.ca }), /certificate/);
});
