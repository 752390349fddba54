import { errors } from '../errors.ts';

export interface PoolOptions {
  min: number;
  max: number;
  /** Limit the connections in use to the server's measured capacity (vegas-limit.ts); else to `max`. */
  autosize: boolean;
  /** Requests that may wait for a connection; one more is refused at once with DB_POOL_FULL. */
  waitingLimit: number;
  /** New requests are refused with DB_POOL_FULL so that none waits much longer than this (pie-controller.ts). Default 0: off. */
  queueTargetMs: number;
  acquireTimeoutMs: number;
  connectTimeoutMs: number;
  statementTimeoutMs: number;
  /** Postgres ends a session whose open transaction is idle for longer. 0: never. */
  idleInTransactionTimeoutMs: number;
  idleTimeoutMs: number;
  /** A connection is replaced after this time, ± 10 %. */
  lifetimeMs: number;
  /** A longer lease is reported as a leak. 0: none is. */
  leakThresholdMs: number;
  /** A longer lease is taken back: its connection is discarded. Default 0: none is. */
  leakReclaimMs: number;
  /** A connection that was idle for longer is pinged before it is used. */
  validateAfterIdleMs: number;
  preparedBytes: number;
}

export type PoolKind = 'write' | 'read' | 'analytics' | 'admin';

/** With Postgres's default max_connections, 100, one instance of each service fits on a primary with these sizes. */
const SHARED: Omit<PoolOptions, 'max' | 'min' | 'autosize'> = {
  // Ten requests for each connection of the write pool: at 5 ms a statement the last of them waits 50 ms.
  waitingLimit: 200,
  // Services that answer people set a target; batches and followers rather wait.
  queueTargetMs: 0,
  // Clients give up after some seconds, so a later answer is useless. Longer than a primary's restart.
  acquireTimeoutMs: 5_000,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 15_000,
  // An idle transaction's snapshot holds vacuum back. The snapshot of a slow live client is idle for half a minute at most.
  idleInTransactionTimeoutMs: 300_000,
  idleTimeoutMs: 60_000,
  // A backend's memory only grows (plans, catalog caches): it is replaced twice an hour.
  lifetimeMs: 1_800_000,
  leakThresholdMs: 30_000,
  leakReclaimMs: 0,
  // A closed socket is noticed at once; this finds connections that a firewall has dropped.
  validateAfterIdleMs: 10_000,
  // About 300 statements of ordinary length; 20 connections take at most 320 MB of the server.
  preparedBytes: 16 * 1024 ** 2,
};

export const DEFAULTS: Readonly<Record<PoolKind, PoolOptions>> = {
  write: { ...SHARED, min: 1, max: 20, autosize: true },
  read: { ...SHARED, min: 1, max: 50, autosize: true, waitingLimit: 500 },
  analytics: {
    ...SHARED,
    min: 0,
    max: 10,
    autosize: false,
    waitingLimit: 50,
    statementTimeoutMs: 300_000,
    leakThresholdMs: 600_000,
  },
  // The users of this pool must not wait for each other.
  admin: { ...SHARED, min: 1, max: 5, autosize: false, waitingLimit: 50, statementTimeoutMs: 60_000 },
};

/** Room for the statements that every connection needs: identity, BEGIN, COMMIT, settings. */
const MIN_PREPARED_BYTES = 1024 ** 2;

export function poolOptions(kind: PoolKind, given: Partial<PoolOptions> | undefined): PoolOptions {
  const options: PoolOptions = { ...DEFAULTS[kind] };
  for (const [name, value] of Object.entries(given ?? {})) {
    if (value !== undefined) Object.assign(options, { [name]: value });
  }
  // A small max alone asks for a small pool.
  if (given?.min === undefined) options.min = Math.min(options.min, options.max);
  const check = (option: keyof PoolOptions, ok: boolean, rule: string) => {
    if (!ok) throw errors.POOL_OPTION({ pool: kind, option, value: options[option], rule });
  };
  for (const [name, value] of Object.entries(options)) {
    if (name === 'autosize') check(name, typeof value === 'boolean', 'true or false');
    else check(name as keyof PoolOptions, Number.isInteger(value) && value >= 0, 'a whole number that is not negative');
  }
  check('max', options.max >= 1 && options.max <= 1_000, 'between 1 and 1000');
  check('min', options.min <= options.max, `at most max, ${options.max}`);
  check('acquireTimeoutMs', options.acquireTimeoutMs >= 1, 'at least 1');
  check('preparedBytes', options.preparedBytes >= MIN_PREPARED_BYTES, `at least ${MIN_PREPARED_BYTES}`);
  check('connectTimeoutMs', options.connectTimeoutMs >= 1, 'at least 1');
  return options;
}
