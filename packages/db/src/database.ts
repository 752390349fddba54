/** The whole: pools, watchers and the router over one primary and its replicas. */
import { type Lsn, TidemarkError } from '@tidemark/contracts';
import { type ConnectionTarget, parseConnectionUrl } from './connection-url.ts';
import { errors } from './errors.ts';
import { encodeStatement } from './param.ts';
import { SlotPool } from './pool.ts';
import { type PoolKind, poolOptions } from './pool-options.ts';
import { PostgresError } from './postgres-error.ts';
import { PrimaryWatcher } from './primary-watcher.ts';
import { Probe } from './probe.ts';
import { ReplicaWatcher } from './replica-watcher.ts';
import { type Replica, Router } from './router.ts';
import type { Rest } from './slot.ts';
import type { Database, DatabaseOptions } from './types.ts';

const DEFAULT_HEALTHY_LAG_MS = 1_000;
const DEFAULT_UNHEALTHY_LAG_MS = 5_000;
const DEFAULT_TIDEMARK_WAIT_MS = 100;
/** A backend whose client is gone ends its statement after at most this. */
const CONNECTION_CHECK_MS = 2_000;
const OPEN_TIMEOUT_MS = 5_000;

/**
 * Connects to the primary, reads the epoch and polls the replicas once (one that cannot be reached is only left out).
 *
 * Throws DB_INVALID_URL, DB_POOL_OPTION, DB_CONNECT_FAILED or Postgres's refusal, DB_NOT_MIGRATED, DB_ROLE_MISSING.
 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const observe = options.observe ?? (() => undefined);
  const target = parseConnectionUrl(options.primaryUrl);
  const replicaTargets = (options.replicaUrls ?? []).map(parseConnectionUrl);
  const limits = (kind: PoolKind) => poolOptions(kind, options.pools?.[kind]);
  const kinds = {
    write: limits('write'),
    read: limits('read'),
    analytics: limits('analytics'),
    admin: limits('admin'),
  };
  const watcherSettings = sessionSettings(`${options.applicationName}/watcher`, 0);
  await checkSchema(target, watcherSettings);

  const primary = new PrimaryWatcher(new Probe('watcher', target, watcherSettings), observe);
  await primary.refresh();
  if (primary.epoch === undefined) {
    await primary.stop();
    throw primary.isUnmigrated ? errors.NOT_MIGRATED({ server: target.label }) : primary.error;
  }

  const openPool = (name: string, kind: PoolKind, to: ConnectionTarget, rest: Rest, more?: Record<string, string>) =>
    new SlotPool({
      name,
      target: to,
      options: kinds[kind],
      settings: {
        ...sessionSettings(`${options.applicationName}/${name}`, kinds[kind].statementTimeoutMs),
        // As a start-up setting it is also what RESET ROLE goes back to.
        ...(rest === 'none' && { role: NONE }),
        ...more,
      },
      rest,
      observe,
    });
  const write = openPool('write', 'write', target, 'none');
  const analytics = openPool('analytics', 'analytics', target, 'own', { default_transaction_read_only: 'on' });
  const admin = openPool('admin', 'admin', target, 'own');
  const replicas: Replica[] = replicaTargets.map((to, index) => {
    const name = `replica${index + 1}`;
    const probe = new Probe(`watcher:${name}`, to, watcherSettings);
    const lag = {
      healthyLagMs: options.healthyLagMs ?? DEFAULT_HEALTHY_LAG_MS,
      unhealthyLagMs: options.unhealthyLagMs ?? DEFAULT_UNHEALTHY_LAG_MS,
    };
    const pool = openPool(`read:${name}`, 'read', to, 'none');
    const giveUp = (stalledMs: number, reason: string) => pool.giveUp(stalledMs, reason);
    return { pool, watcher: new ReplicaWatcher(name, probe, primary, lag, observe, giveUp) };
  });
  await Promise.all(replicas.map(({ watcher }) => watcher.poll()));
  const tidemarkWaitMs = options.tidemarkWaitMs ?? DEFAULT_TIDEMARK_WAIT_MS;
  return assemble({ primary, replicas, write, analytics, admin, tidemarkWaitMs });
}

interface Parts {
  primary: PrimaryWatcher;
  replicas: readonly Replica[];
  write: SlotPool;
  analytics: SlotPool;
  admin: SlotPool;
  tidemarkWaitMs: number;
}

function assemble(parts: Parts): Database {
  const { primary, replicas, write, analytics, admin } = parts;
  const router = new Router(parts);
  const reads = replicas.map(({ pool }) => pool);
  const pools = [write, ...reads, analytics, admin];
  return {
    pools: { write, analytics, admin, reads },
    read: (request) => router.read(request),
    write: (request) => router.write(request),
    epoch: () => primary.epoch!,
    primaryLsn: (): Lsn => primary.flushed,
    poolStats: () => pools.map((pool) => pool.stats()),
    replicaStats: () => replicas.map(({ watcher }) => watcher.stats()),
    readStats: () => ({ ...router.stats }),
    problem: () => (primary.error === undefined ? write.problem : `primary: ${primary.error.message}`),
    async close(deadlineMs) {
      await Promise.all([
        ...pools.map((pool) => pool.close(deadlineMs)),
        primary.stop(),
        ...replicas.map((r) => r.watcher.stop()),
      ]);
    },
  };
}

const NONE = 'tidemark_none';
// Postgres 16 tells membership from the right to SET ROLE.
const MAY_REST = encodeStatement({
  text: `select session_user as "user", to_regclass('tidemark.epochs') is not null as migrated,
                coalesce((select pg_has_role(session_user, oid,
                  case when current_setting('server_version_num')::int >= 160000 then 'SET' else 'MEMBER' end)
                from pg_roles where rolname = '${NONE}'), false) as rests`,
});

async function checkSchema(target: ConnectionTarget, settings: Readonly<Record<string, string>>): Promise<void> {
  const probe = new Probe('open', target, settings);
  try {
    const [row] = await probe.ask([MAY_REST], OPEN_TIMEOUT_MS);
    if (!row!.migrated) throw errors.NOT_MIGRATED({ server: target.label });
    if (!row!.rests) throw errors.ROLE_MISSING({ role: NONE, user: row!.user });
  } catch (cause) {
    if (cause instanceof PostgresError || !(cause instanceof TidemarkError)) {
      throw errors.CONNECT_FAILED({ server: target.label, reason: (cause as Error).message }, { cause });
    }
    throw cause;
  } finally {
    probe.close();
  }
}

function sessionSettings(applicationName: string, statementTimeoutMs: number): Record<string, string> {
  return {
    application_name: applicationName,
    statement_timeout: String(statementTimeoutMs),
    client_connection_check_interval: String(CONNECTION_CHECK_MS),
  };
}
