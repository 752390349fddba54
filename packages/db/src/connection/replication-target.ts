import tls from 'node:tls';
import { connectSocket, tlsOptions } from './socket.ts';
import { parseConnectionUrl } from './url.ts';

/** The parts of a URL as options of `pg`, which reads `sslmode` differently: its `require` verifies the certificate. */
export interface ReplicationTarget {
  host: string;
  port: number;
  user: string;
  password: string;
  database: string;
  /** Start-up settings of the URL, as `-c name=value`. */
  options: string;
  ssl: tls.ConnectionOptions | false;
}

const OFFER_TIMEOUT_MS = 10_000;

export async function replicationTarget(url: string): Promise<ReplicationTarget> {
  const target = parseConnectionUrl(url);
  const { host, port, user, password, database, settings } = target;
  const { options = '', ...others } = settings;
  const set = Object.entries(others).map(([name, value]) => `-c ${name}=${value.replaceAll(/[\\\s]/g, '\\$&')}`);
  const wantsTls = target.ssl === 'prefer' ? await offersTls(url) : target.ssl !== 'disable';
  return {
    host,
    port,
    user,
    password,
    database,
    options: [options, ...set].filter(Boolean).join(' '),
    ssl: wantsTls && (await tlsOptions(target)),
  };
}

/** `pg` fails on a server without TLS, where sslmode=prefer goes on without. */
async function offersTls(url: string): Promise<boolean> {
  const socket = await connectSocket(parseConnectionUrl(url), AbortSignal.timeout(OFFER_TIMEOUT_MS));
  socket.destroy();
  return socket instanceof tls.TLSSocket;
}
