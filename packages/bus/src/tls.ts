/** TLS to NATS. A tls:// URL or a configured certificate makes TLS mandatory. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import type { TlsOptions } from 'nats';
import { errors } from './errors.ts';
import type { Servers } from './servers.ts';

export interface TlsFiles {
  /** PEM of the authorities that verify the server's certificate. Absent: those that Node trusts. */
  tlsCaFile?: string;
  tlsCertFile?: string;
  tlsKeyFile?: string;
}

/** Returns undefined where TLS is optional: it is used if the server offers it. @throws BUS_INVALID_OPTIONS */
export function tlsOptions(files: TlsFiles, servers: Servers): TlsOptions | undefined {
  const { tlsCaFile, tlsCertFile, tlsKeyFile } = files;
  if (Boolean(tlsCertFile) !== Boolean(tlsKeyFile)) {
    throw errors.INVALID_OPTIONS({
      problem: `${tlsCertFile ? 'NATS_TLS_CERT_FILE' : 'NATS_TLS_KEY_FILE'} is set alone`,
      remedy: 'A client certificate is NATS_TLS_CERT_FILE and NATS_TLS_KEY_FILE together.',
    });
  }
  if (!servers.tls && !tlsCaFile && !tlsCertFile) return undefined;
  const pem = {
    ...(tlsCaFile && { ca: read('NATS_TLS_CA_FILE', tlsCaFile) }),
    ...(tlsCertFile && { cert: read('NATS_TLS_CERT_FILE', tlsCertFile) }),
    ...(tlsKeyFile && { key: read('NATS_TLS_KEY_FILE', tlsKeyFile) }),
  };
  try {
    createSecureContext(pem);
  } catch (cause) {
    throw errors.INVALID_OPTIONS(
      {
        problem: `the files of NATS_TLS_* cannot be used: ${(cause as Error).message}`,
        remedy: 'Use PEM files; the key must belong to the certificate.',
      },
      { cause },
    );
  }
  // The client passes these to node:tls, though its types do not declare checkServerIdentity.
  return { ...pem, checkServerIdentity: identityCheck(servers) } as TlsOptions;
}

/** For an IP address, the client gives node:tls no host name, and the certificate is checked for `localhost`. */
function identityCheck({ addresses }: Servers) {
  const hosts = addresses.map((address) => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''));
  const numeric = hosts.filter((host) => isIP(host) !== 0);
  return (host: string, certificate: PeerCertificate): Error | undefined => {
    if (host !== 'localhost' || hosts.includes('localhost') || numeric.length === 0) {
      return checkServerIdentity(host, certificate);
    }
    const problems = numeric.map((address) => checkServerIdentity(address, certificate));
    return problems.includes(undefined) ? undefined : problems[0];
  };
}

function read(setting: string, path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw errors.INVALID_OPTIONS(
      {
        problem: `${setting}=${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`,
        remedy: 'Name a PEM file that this user may read.',
      },
      { cause },
    );
  }
  // OpenSSL silently ignores a file of authorities without PEM; every connection would then fail without a clear reason.
  if (text.includes('-----BEGIN ')) return text;
  throw errors.INVALID_OPTIONS({
    problem: `${setting}=${path} contains no PEM`,
    remedy: 'Convert the file (openssl x509 -inform der).',
  });
}
