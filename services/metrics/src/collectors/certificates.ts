/** When the certificates of configured addresses end. */
import { connect as connectSocket, type Socket } from 'node:net';
import { connect, type PeerCertificate } from 'node:tls';
import { errors } from '../errors.ts';
import type { CollectorDefinition } from './collector.ts';

export interface Certificate {
  /** Host and port. */
  address: string;
  subject: string | null;
  /** ms since 1970; null where there was no certificate to be seen. */
  endsAt: number | null;
  /** Why a client that verifies certificates refuses it, or why the address did not answer. */
  problem: string | null;
}

const INTERVAL_MS = 3_600_000;
const TIMEOUT_MS = 15_000;
const CONNECT_MS = 5_000;
const PORTS: Readonly<Record<string, number>> = { 'https:': 443, 'tls:': 443, 'postgres:': 5432, 'postgresql:': 5432 };
/** SSLRequest of the protocol of Postgres: the server answers S where it has TLS. */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

/** @throws METRICS_CERTIFICATE_URL */
export function checkCertificateUrls(urls: readonly string[]): void {
  for (const url of urls) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || PORTS[parsed.protocol] === undefined || parsed.hostname === '' || parsed.username) {
      throw errors.CERTIFICATE_URL({ url: parsed?.username ? `${parsed.protocol}//…` : url.slice(0, 100) });
    }
  }
}

export function certificates(urls: readonly string[]): CollectorDefinition<Certificate[]> {
  return {
    name: 'certificates',
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
    collect: () => Promise.all(urls.map(readCertificate)),
  };
}

export async function readCertificate(url: string): Promise<Certificate> {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  const address = `${hostname}:${port || PORTS[protocol]}`;
  const socket = connectSocket({ host, port: Number(port || PORTS[protocol]), timeout: CONNECT_MS });
  try {
    if (protocol.startsWith('postgres')) await askForTls(socket);
    return { address, ...(await handshake(socket, host)) };
  } catch (error) {
    return { address, subject: null, endsAt: null, problem: (error as Error).message };
  } finally {
    socket.destroy();
  }
}

function askForTls(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject).once('timeout', () => reject(new Error('no answer')));
    socket.once('connect', () => socket.write(SSL_REQUEST));
    socket.once('data', (data) => {
      if (data.toString('latin1') === 'S') resolve();
      else reject(new Error('the server has no TLS'));
    });
  });
}

function handshake(socket: Socket, host: string): Promise<Omit<Certificate, 'address'>> {
  return new Promise((resolve, reject) => {
    // A certificate that is refused still says when it ends.
    const secure = connect(
      { socket, servername: /^[\d.:]+$/.test(host) ? '' : host, rejectUnauthorized: false },
      () => {
        const { subject, valid_to }: Partial<PeerCertificate> = secure.getPeerCertificate();
        const problem = secure.authorized ? null : String(secure.authorizationError);
        resolve({ subject: nameOf(subject?.CN), endsAt: valid_to ? Date.parse(valid_to) : null, problem });
        secure.destroy();
      },
    );
    secure.once('error', reject);
    socket.once('error', reject).once('timeout', () => reject(new Error('no answer')));
    socket.once('close', () => reject(new Error('the server closed the connection')));
  });
}

const nameOf = (name: string | string[] | undefined) => (Array.isArray(name) ? (name[0] ?? null) : (name ?? null));
