import { execFile } from 'node:child_process';
import { chmod, chown, copyFile, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresNode } from '@tidemark/local-stack';

const run = promisify(execFile);

export interface CertificateFiles {
  /** The authority that signed `cert`. */
  ca: string;
  cert: string;
  key: string;
}

export interface Certificates {
  /** Makes an authority called `name`, and a certificate of it for a server (`localhost`) or a client. */
  make(name: string): Promise<CertificateFiles>;
  remove(): Promise<void>;
}

export async function openCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemark-tls-'));
  return {
    async make(name) {
      const file = (end: string) => join(folder, `${name}-${end}`);
      const [ca, caKey, cert, key, csr] = [
        file('ca.pem'),
        file('ca.key'),
        file('cert.pem'),
        file('key.pem'),
        file('csr'),
      ];
      const newKey = ['req', '-newkey', 'rsa:2048', '-nodes', '-sha256'];
      await run('openssl', [...newKey, '-x509', '-days', '2', '-subj', `/CN=${name}`, '-keyout', caKey, '-out', ca]);
      const names = ['-addext', 'subjectAltName=DNS:localhost'];
      await run('openssl', [...newKey, '-subj', `/CN=${name} holder`, ...names, '-keyout', key, '-out', csr]);
      const sign = ['x509', '-req', '-in', csr, '-CA', ca, '-CAkey', caKey, '-CAcreateserial', '-days', '2'];
      await run('openssl', [...sign, '-copy_extensions', 'copy', '-out', cert]);
      return { ca, cert, key };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Makes Postgres offer TLS, and ask clients for a certificate, which they need not have. New connections use it at once. */
export async function serveTls(primary: PostgresNode, { ca, cert, key }: CertificateFiles): Promise<void> {
  const { uid, gid } = await stat(primary.dataDir);
  for (const [from, name] of [
    [cert, 'server.crt'],
    [key, 'server.key'],
    [ca, 'clients.crt'],
  ] as const) {
    const to = join(primary.dataDir, name);
    await copyFile(from, to);
    await chmod(to, 0o600);
    await chown(to, uid, gid);
  }
  await primary.query(`alter system set ssl_ca_file = 'clients.crt'`);
  await primary.query('alter system set ssl = on');
  await primary.query('select pg_reload_conf()');
}
