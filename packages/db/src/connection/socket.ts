/**
 * Opens the socket of a connection. The driver's own socket leaves Nagle's algorithm on (a pipelined COMMIT waits 40 ms for the peer's
 * delayed acknowledgement) and cannot be destroyed at once (a paused server never answers a FIN).
 */
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import tls from 'node:tls';
import { errors } from '../errors.ts';
import type { ConnectionTarget } from './url.ts';

const KEEP_ALIVE_DELAY_MS = 10_000;
/** At this size the driver stops writing until everything sent is answered, which would stall a pipeline. */
const WRITE_HIGH_WATER_BYTES = 1_048_576;
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);
const SSL_ACCEPTED = 0x53;

/** Resolves when the connection, and TLS on it, is open. `signal` destroys the socket, also afterwards. */
export async function connectSocket(target: ConnectionTarget, signal: AbortSignal): Promise<net.Socket> {
  // The types of net leave the stream options out; node passes them on to Duplex.
  const options: net.SocketConstructorOpts & { writableHighWaterMark: number } = {
    writableHighWaterMark: WRITE_HIGH_WATER_BYTES,
  };
  const socket = new net.Socket(options);
  // If the signal were an option of the socket, its AbortError would reach the TLS socket around it, whose listeners the driver has
  // removed by then.
  if (signal.aborted) socket.destroy();
  else signal.addEventListener('abort', () => socket.destroy(), { once: true });
  const failure = new Promise<never>((_, reject) => {
    socket.on('error', reject);
    socket.once('close', () =>
      reject(errors.CONNECT_FAILED({ server: target.label, reason: 'the connection was closed' })),
    );
  });
  // The race below may be over when this rejects.
  failure.catch(() => undefined);
  const connected = new Promise<void>((resolve) => socket.once('connect', resolve));
  if (target.socketPath !== undefined) socket.connect(target.socketPath);
  else socket.connect(target.port, target.host);
  await Promise.race([connected, failure]);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS);
  if (target.ssl === 'disable') return socket;
  return await Promise.race([secure(socket, target), failure]);
}

/** The protocol's SSLRequest: the server answers one byte, `S` or `N`, before TLS starts. */
async function secure(socket: net.Socket, target: ConnectionTarget): Promise<net.Socket> {
  const answer = new Promise<Buffer>((resolve) => socket.once('data', resolve));
  socket.write(SSL_REQUEST);
  const byte = await answer;
  // More than one byte would be plain text injected before TLS (CVE-2021-23222).
  if (byte.length !== 1) throw errors.CONNECT_FAILED({ server: target.label, reason: 'unexpected bytes before TLS' });
  if (byte[0] !== SSL_ACCEPTED) {
    if (target.ssl === 'prefer') return pausedUntilRead(socket);
    throw errors.CONNECT_FAILED({ server: target.label, reason: `it has no TLS, and sslmode is ${target.ssl}` });
  }
  const options = { ...(await tlsOptions(target)), socket };
  return await new Promise((resolve, reject) => {
    const secured = tls.connect(options, () => resolve(secured));
    secured.on('error', reject);
    socket.once('close', () => secured.destroy());
  });
}

/** `once('data')` leaves the socket flowing, and bytes without a reader are lost. */
function pausedUntilRead(socket: net.Socket): net.Socket {
  return socket.pause();
}

/** @throws DB_CONNECT_FAILED where a file of the URL cannot be read */
export async function tlsOptions(target: ConnectionTarget): Promise<tls.ConnectionOptions> {
  const { sslRootCert, sslCert, sslKey } = target;
  const verified = target.ssl === 'verify-ca' || target.ssl === 'verify-full';
  const read = async (name: string, path: string) => {
    try {
      return await readFile(path);
    } catch (cause) {
      const reason = `${name} cannot be read: ${(cause as Error).message}`;
      throw errors.CONNECT_FAILED({ server: target.label, reason }, { cause });
    }
  };
  return {
    // Node compares the certificate with this name where there is no server name; without it, with "localhost".
    host: target.host,
    rejectUnauthorized: verified || sslRootCert !== undefined,
    ...(net.isIP(target.host) === 0 && { servername: target.host }),
    ...(sslRootCert !== undefined && { ca: await read('sslrootcert', sslRootCert) }),
    ...(sslCert !== undefined && { cert: await read('sslcert', sslCert) }),
    ...(sslKey !== undefined && { key: await read('sslkey', sslKey) }),
    ...(target.ssl !== 'verify-full' && { checkServerIdentity: () => undefined }),
  };
}
