/** TLS to NATS: on where a URL says tls:// or a certificate is configured, and then never without it. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import type { TlsOptions } from 'nats';
import { errors } from './errors.ts';
import type { Servers } from './servers.ts';

export interface TlsFiles {
  /** PEM of the authorities that the server's certificate is checked with; absent: those that Node trusts. */
  tlsCaFile?: string;
  /** PEM of this client's certificate, with its key. */
  tlsCertFile?: string;
  tlsKeyFile?: string;
}

/** Undefined: the server decides; where it offers TLS, it is used. @throws BUS_INVALID_OPTIONS */
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
        remedy: 'They are PEM; the key must belong to the certificate.',
      },
      { cause },
    );
  }
  // The client hands these on to node:tls, though its types do not list the check of the name.
  return { ...pem, checkServerIdentity: identityCheck(servers) } as TlsOptions;
}

/**
 * For a server named by its IP address, the client library hands node:tls a socket without a name, which it then takes for
 * `localhost`: the certificate is to be that of one of the configured addresses instead.
 */
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
  // OpenSSL ignores what is not PEM in a file of authorities: then no server could be proven, without a reason given.
  if (text.includes('-----BEGIN ')) return text;
  throw errors.INVALID_OPTIONS({
    problem: `${setting}=${path} holds no PEM`,
    remedy: 'Convert it (openssl x509 -inform der).',
  });
}
