import { readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { startTlsServer } from '@tidemark/testing/tls';
import t from 'tap';
import { checkCertificateUrls, readCertificate } from '../../src/collectors/certificates.ts';

t.test('reads when the certificate of a TLS server and of Postgres ends, also where it is refused', async (t) => {
  const { ours, url, offerTls } = await startTlsServer(t);
  const { host, port } = new URL(url('require'));
  const address = `127.0.0.1:${port}`;
  t.match(await readCertificate(`postgres://${address}`), { endsAt: null, problem: 'the server has no TLS' });
  await offerTls();
  const postgres = await readCertificate(`postgres://${address}`);
  t.match(postgres, { address, problem: /self.signed|unable.to/i }, `${host} has a private authority`);
  t.ok((postgres.endsAt ?? 0) > Date.now());

  const server = createServer({ cert: readFileSync(ours.cert), key: readFileSync(ours.key) });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const direct = await readCertificate(`https://127.0.0.1:${(server.address() as AddressInfo).port}`);
  t.ok((direct.endsAt ?? 0) > Date.now(), 'by a direct handshake');
  t.match(await readCertificate('tls://127.0.0.1:9'), { endsAt: null, problem: /ECONNREFUSED/ });
});

t.test('refuses addresses that cannot have a certificate', async (t) => {
  checkCertificateUrls(['https://x', 'postgres://x:5432', 'tls://x:4222']);
  for (const url of ['http://x', 'x:443', 'postgres://user:secret@x']) {
    t.throws(() => checkCertificateUrls([url]), { code: 'METRICS_CERTIFICATE_URL' }, url);
  }
});
