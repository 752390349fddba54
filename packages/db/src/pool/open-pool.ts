import { sessionSettings } from '../connection/session-settings.ts';
import { parseConnectionUrl } from '../connection/url.ts';
import type { DbEvent } from '../events.ts';
import type { Pool } from '../types.ts';
import { type PoolOptions, poolOptions } from './options.ts';
import { ConnectionPool } from './pool.ts';

export interface OpenPoolOptions {
  url: string;
  name: string;
  applicationName: string;
  /** Start-up settings of its sessions. */
  settings?: Readonly<Record<string, string>>;
  /** Default: those of the pool `admin`. */
  options?: Partial<PoolOptions>;
  observe?: (event: DbEvent) => void;
}

/** Returns a pool on one server, as the user of its URL; it reconnects by itself. @throws DB_INVALID_URL, DB_POOL_OPTION */
export function openPool({ url, name, applicationName, settings, options, observe }: OpenPoolOptions): Pool {
  const all = poolOptions('admin', options);
  return new ConnectionPool({
    name,
    target: parseConnectionUrl(url),
    options: all,
    settings: {
      ...settings,
      ...sessionSettings(`${applicationName}/${name}`, all.statementTimeoutMs, all.idleInTransactionTimeoutMs),
    },
    rest: 'own',
    observe: observe ?? (() => undefined),
  });
}
