import { userInfo } from 'node:os';
import { redactUrl } from '@tidemark/contracts';
import { errors } from '../errors.ts';

/** The names of libpq: its documentation, "SSL Mode Descriptions". `verify-ca` checks the chain, `verify-full` the host name too. */
export type SslMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface ConnectionTarget {
  host: string;
  port: number;
  socketPath: string | undefined;
  user: string;
  password: string;
  database: string;
  ssl: SslMode;
  sslRootCert: string | undefined;
  /** Files of the client's certificate and its key. */
  sslCert: string | undefined;
  sslKey: string | undefined;
  /** Other parameters of the URL are start-up settings, such as `options` or `search_path`. */
  settings: Readonly<Record<string, string>>;
  label: string;
}

const SSL_MODES: Record<string, SslMode> = {
  disable: 'disable',
  false: 'disable',
  allow: 'prefer',
  prefer: 'prefer',
  require: 'require',
  true: 'verify-full',
  'verify-ca': 'verify-ca',
  'verify-full': 'verify-full',
};

const CLIENT_PARAMETERS = new Set(
  (
    'host port user password dbname sslmode ssl sslrootcert sslcert sslkey connect_timeout keepalives target_session_attrs ' +
    'channel_binding gssencmode application_name client_encoding pgbouncer uselibpqcompat'
  ).split(' '),
);

/** Throws DB_INVALID_URL, which names the fault and never shows the password. */
export function parseConnectionUrl(text: string): ConnectionTarget {
  const fault = (reason: string, cause?: unknown) => errors.INVALID_URL({ value: redactUrl(text), reason }, { cause });
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw fault(
      text.includes('://')
        ? 'it cannot be parsed; are @, /, # and : in the password percent-encoded?'
        : 'it has no postgres://',
      cause,
    );
  }
  if (url.protocol !== 'postgres:' && url.protocol !== 'postgresql:') throw fault(`its scheme is ${url.protocol}`);
  const query = url.searchParams;
  const decoded = (part: string, name: string) => {
    try {
      return decodeURIComponent(part);
    } catch (cause) {
      throw fault(`its ${name} is not percent-encoded correctly`, cause);
    }
  };
  const host = query.get('host') || decoded(url.hostname, 'host').replace(/^\[(.*)\]$/, '$1') || 'localhost';
  if (host.includes(',')) throw fault('it names several hosts; replicas belong into DATABASE_REPLICA_URLS');
  const port = Number(query.get('port') || url.port || 5432);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw fault(`its port is ${query.get('port')}`);
  const isFolder = host.startsWith('/');
  const user = decoded(url.username, 'user') || query.get('user') || userInfo().username;
  const database = decoded(url.pathname.slice(1), 'database') || query.get('dbname') || user;
  const sslText = query.get('sslmode') ?? query.get('ssl');
  const ssl = sslText === null ? 'prefer' : SSL_MODES[sslText];
  if (ssl === undefined) throw fault(`its sslmode is "${sslText}"; it may be ${Object.keys(SSL_MODES).join(', ')}`);
  const rootCert = query.get('sslrootcert');
  return {
    host,
    port,
    socketPath: isFolder ? `${host}/.s.PGSQL.${port}` : undefined,
    user,
    password: decoded(url.password, 'password') || query.get('password') || '',
    database,
    // A unix socket or the loopback cannot be tapped: TLS is used there only when it is asked for.
    ssl: isFolder || (sslText === null && isLoopback(host)) ? 'disable' : rootCert === 'system' ? 'verify-full' : ssl,
    sslRootCert: rootCert === null || rootCert === 'system' ? undefined : rootCert,
    sslCert: query.get('sslcert') ?? undefined,
    sslKey: query.get('sslkey') ?? undefined,
    settings: Object.fromEntries([...query].filter(([name]) => !CLIENT_PARAMETERS.has(name))),
    label: `${host}:${port}/${database}`,
  };
}

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');
