import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type PostgresNode, startTemporaryStack } from '@tidemark/local-stack';
import { errors } from './errors.ts';

const run = promisify(execFile);
/** ms for Postgres to read its new settings. */
const TLS_MS = 30_000;

export interface CertificateFiles {
  /** The authority that signed `cert`. */
  ca: string;
  cert: string;
  key: string;
}

export interface TlsServer {
  readonly primary: PostgresNode;
  /** The authority that the server trusts, with the server's certificate. */
  readonly ours: CertificateFiles;
  readonly other: CertificateFiles;
  /** The URL of the server with these parameters. The certificate names `localhost`, the default host. */
  url(sslmode: string, more?: Record<string, string>, host?: string): string;
  /** Resolves when Postgres offers TLS, and asks clients for a certificate, which they need not have. */
  offerTls(): Promise<void>;
}

/** Starts a Postgres without TLS, with certificates for it. */
export async function startTlsServer(t: { teardown(run: () => Promise<unknown>): unknown }): Promise<TlsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-tls-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const [ours, other] = await Promise.all([makeCertificate(folder, 'ours'), makeCertificate(folder, 'other')]);
  const stack = await startTemporaryStack({ nats: false, replica: false });
  t.teardown(() => stack.stop());
  const { primary } = stack;
  return {
    primary,
    ours,
    other,
    url(sslmode, more = {}, host = 'localhost') {
      const url = new URL(primary.url);
      url.hostname = host;
      for (const [name, value] of Object.entries({ sslmode, ...more })) url.searchParams.set(name, value);
      return url.href;
    },
    async offerTls() {
      await installCertificate(primary, ours);
      await primary.query(`alter system set ssl_ca_file = 'clients.crt'`);
      await primary.query('alter system set ssl = on');
      await primary.query('select pg_reload_conf()');
      const deadline = Date.now() + TLS_MS;
      while ((await primary.query<{ ssl: string }>('show ssl'))[0]?.ssl !== 'on') {
        if (Date.now() > deadline) throw errors.NO_TLS({ ms: TLS_MS });
        await sleep(20);
      }
    },
  };
}

/** Makes an authority called `name`, and a certificate of it for a server (`localhost`) or a client. */
async function makeCertificate(folder: string, name: string): Promise<CertificateFiles> {
  const file = (end: string) => join(folder, `${name}-${end}`);
  const [ca, caKey, cert, key, csr] = [file('ca.pem'), file('ca.key'), file('cert.pem'), file('key.pem'), file('csr')];
  const newKey = ['req', '-newkey', 'rsa:2048', '-nodes', '-sha256'];
  await run('openssl', [...newKey, '-x509', '-days', '2', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca]);
  const names = ['-addext', 'subjectAltName=DNS:localhost'];
  await run('openssl', [...newKey, '-subj', `/CN=${name} holder`, ...names, '-keyout', key, '-out', csr]);
  const sign = ['x509', '-req', '-in', csr, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
  await run('openssl', [...sign, '-copy_extensions', 'copy', '-out', cert]);
  return { ca, cert, key };
}

async function installCertificate({ dataDir }: PostgresNode, { ca, cert, key }: CertificateFiles): Promise<void> {
  const { uid, gid } = await stat(dataDir);
  for (const [from, name] of [
    [cert, 'server.crt'],
    [key, 'server.key'],
    [ca, 'clients.crt'],
  ] as const) {
    const to = join(dataDir, name);
    await copyFile(from, to);
    await chmod(to, 0o600);
    await chown(to, uid, gid);
  }
}
