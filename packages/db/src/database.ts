import { type Lsn, TidemarkError } from '@tidemark/contracts';
import { AnswerBudget } from './connection/answer-budget.ts';
import type { Rest } from './connection/connection.ts';
import { Probe } from './connection/probe.ts';
import { sessionSettings } from './connection/session-settings.ts';
import { parseConnectionUrl } from './connection/url.ts';
import type { Database, DatabaseOptions } from './database-types.ts';
import { errors } from './errors.ts';
import { Failover, type Server } from './failover/failover.ts';
import type { PoolKind } from './pool/options.ts';
import { ConnectionPool } from './pool/pool.ts';
import { Activity } from './routing/activity.ts';
import { CatalogChanges } from './routing/catalog-changes.ts';
import { PrimaryWatcher } from './routing/primary-watcher.ts';
import { ReplicaWatcher, type ReplicaWatcherEvents } from './routing/replica-watcher.ts';
import { RoleWatch } from './routing/role-watch.ts';
import { type Replica, Router } from './routing/router.ts';
import { checkReplica, checkSchema, unreachable } from './setup/check-opened.ts';
import { watcherName } from './setup/connection-budget.ts';
import { sizePools } from './setup/size-pools.ts';
import { StatementLog } from './statements/log.ts';
import { createStatementFigures, statementText } from './statements/rows.ts';
import { openStreams } from './stream/streams.ts';
import { RoleTimeouts } from './transactions/role-timeouts.ts';

const DEFAULT_HEALTHY_LAG_MS = 1_000;
const DEFAULT_UNHEALTHY_LAG_MS = 5_000;
const DEFAULT_TIDEMARK_WAIT_MS = 100;
/** Longer than a poll's time limit of 1,000 ms: one slow answer is no failure. */
const DEFAULT_FAILOVER_AFTER_MS = 2_000;
const DEFAULT_SLOW_MS = 1_000;
const OPEN_TIMEOUT_MS = 5_000;

/** A replica that cannot be reached is left out; one that has been promoted becomes the primary (promotion.ts). */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const observe = options.observe ?? (() => undefined);
  const server = serverOf(options.primaryUrl);
  const pooled = options.pooledUrl === undefined ? undefined : serverOf(options.pooledUrl);
  const replicaServers = (options.replicaUrls ?? []).map(serverOf);
  const settings = sessionSettings(`${options.applicationName}/open`, 0);
  const targets = { primary: server.target, replicas: replicaServers.map(({ target }) => target) };
  const sized = await sizePools(options, targets, settings, observe);
  const kinds = sized.options;
  const watching = (max: number) => sessionSettings(watcherName(options.applicationName, max + 1), 0);
  const onPrimary = watching(kinds.write.max + kinds.analytics.max + kinds.admin.max);
  const onReplica = watching(kinds.read.max + kinds.analytics.max);
  const askAll = () => Promise.all([primary.poll(), ...watchers.map((watcher) => watcher.poll())]);
  const activity = new Activity(askAll, options.idleAfterMs);
  const primary: PrimaryWatcher = new PrimaryWatcher(new Probe('watcher', server.target, onPrimary), activity, observe);
  const pools: {
    write?: ConnectionPool;
    analytics?: ConnectionPool;
    admin?: ConnectionPool;
    replicas: Replica[];
    changes: readonly CatalogChanges[];
  } = { replicas: [], changes: [] };
  const limits = {
    healthyLagMs: options.healthyLagMs ?? DEFAULT_HEALTHY_LAG_MS,
    unhealthyLagMs: options.unhealthyLagMs ?? DEFAULT_UNHEALTHY_LAG_MS,
  };
  const watchers: ReplicaWatcher[] = replicaServers.map(({ target }, index) => {
    const name = `replica${index + 1}`;
    const probe = new Probe(`watcher:${name}`, target, onReplica);
    const on: ReplicaWatcherEvents = {
      unreachable: (stalledMs, reason) => {
        pools.replicas[index]?.pool.giveUp(stalledMs, reason);
        pools.replicas[index]?.analytics.giveUp(stalledMs, reason);
      },
      moved(replayed) {
        for (const changes of pools.changes) changes.replayed(index, replayed);
      },
      promoted: () => void failover.consider(),
    };
    return new ReplicaWatcher({ name, probe, primary, activity, limits, observe, on });
  });
  const failoverAfterMs = options.failoverAfterMs ?? DEFAULT_FAILOVER_AFTER_MS;
  const failover = new Failover({
    primary,
    server,
    replicas: replicaServers,
    watchers,
    settings,
    failoverAfterMs,
    observe,
    onMove(to, from, index) {
      // The pooler itself decides which server it leads to.
      const moving = pooled ? [pools.analytics, pools.admin] : [pools.write, pools.analytics, pools.admin];
      for (const pool of moving) pool?.moveTo(to.target);
      pools.replicas[index]?.pool.moveTo(from.target);
      pools.replicas[index]?.analytics.moveTo(from.target);
    },
  });
  const stopWatching = async () => {
    await failover.stop();
    await Promise.all([primary.stop(), ...watchers.map((watcher) => watcher.stop())]);
  };

  try {
    await Promise.all([primary.refresh(), ...watchers.map((watcher) => watcher.poll())]);
    sized.release();
    // A poll ends after a second, in which a busy machine may not even have signed in.
    const patience = performance.now() + OPEN_TIMEOUT_MS;
    while (isLate(primary.error) && performance.now() < patience) await primary.refresh();
    await failover.settle();
    if (primary.epoch === undefined) {
      throw primary.isUnmigrated
        ? errors.NOT_MIGRATED({ server: server.target.label })
        : unreachable(server.target.label, primary.error as Error);
    }
    await checkSchema(failover.server.target, settings, observe);
    await Promise.all(
      watchers.map(async ({ isHealthy }, index) => {
        const { target } = failover.replicas[index]!;
        if (isHealthy) await checkReplica(target, settings, observe);
      }),
    );
  } catch (error) {
    sized.release();
    await stopWatching();
    throw error;
  }

  const timeouts = options.statementTimeouts && new RoleTimeouts(options.statementTimeouts);
  const log = new StatementLog(options.slowMs ?? DEFAULT_SLOW_MS, observe, options.statementHistory);
  const answers = new AnswerBudget(options.answerMaxBytes, options.answersTotalBytes);
  const openPool = (name: string, kind: PoolKind, to: Server, rest: Rest, more?: Record<string, string>) =>
    new ConnectionPool({
      isPooled: to === pooled,
      name,
      target: to.target,
      options: kinds[kind],
      settings: {
        ...options.settings,
        ...sessionSettings(
          `${options.applicationName}/${name}`,
          kinds[kind].statementTimeoutMs,
          kinds[kind].idleInTransactionTimeoutMs,
        ),
        // As a start-up setting this is also the role that RESET ROLE returns to.
        ...(rest === 'none' && { role: NONE }),
        // Statements read this setting to refuse a long answer themselves, before their transaction is committed.
        'tidemark.answer_max_bytes': String(answers.maxBytes),
        ...more,
      },
      rest,
      ...(timeouts && { timeouts }),
      observe,
      log,
      answers,
    });
  const write = openPool('write', 'write', pooled ?? failover.server, 'none');
  const analytics = openPool('analytics', 'analytics', failover.server, 'own', READ_ONLY);
  const admin = openPool('admin', 'admin', failover.server, 'own');
  const replicas = watchers.map((watcher, index) => {
    const on = failover.replicas[index]!;
    const pool = openPool(`read:${watcher.name}`, 'read', on, 'none');
    return { pool, analytics: openPool(`analytics:${watcher.name}`, 'analytics', on, 'own', READ_ONLY), watcher };
  });
  const all = {
    primary: [write, analytics, admin],
    replicas: replicas.map((on) => ({ pools: [on.pool, on.analytics], replayed: () => on.watcher.replayed })),
  };
  const schemaChanges = new CatalogChanges(all, (pool) => pool.forgetStatements());
  const roleChanges = new CatalogChanges(all, (pool) => pool.discardPlans());
  const roleWatch = new RoleWatch(admin, activity, () => roleChanges.noticed(admin), observe);
  Object.assign(pools, { write, analytics, admin, replicas, changes: [schemaChanges, roleChanges] });
  if (options.recordStatements === false) {
    for (const { statements } of [write, analytics, admin, ...replicas.flatMap((on) => [on.pool, on.analytics])]) {
      statements.isOn = false;
    }
  }
  await Promise.all([timeouts?.start(admin, observe), roleWatch.start()]);
  const tidemarkWaitMs = options.tidemarkWaitMs ?? DEFAULT_TIDEMARK_WAIT_MS;
  return assemble({
    activity,
    primary,
    failover,
    replicas,
    write,
    analytics,
    admin,
    answers,
    tidemarkWaitMs,
    timeouts,
    schemaChanges,
    roleChanges,
    roleWatch,
    stopWatching,
  });
}

interface Parts {
  activity: Activity;
  primary: PrimaryWatcher;
  failover: Failover;
  replicas: readonly Replica[];
  write: ConnectionPool;
  analytics: ConnectionPool;
  admin: ConnectionPool;
  answers: AnswerBudget;
  tidemarkWaitMs: number;
  timeouts: RoleTimeouts | undefined;
  schemaChanges: CatalogChanges;
  roleChanges: CatalogChanges;
  roleWatch: RoleWatch;
  stopWatching(): Promise<void>;
}

function assemble(parts: Parts): Database {
  const { primary, failover, replicas, write, analytics, admin, answers } = parts;
  const router = new Router(parts);
  const reads = replicas.map(({ pool }) => pool);
  const pools = [write, ...reads, analytics, ...replicas.map((replica) => replica.analytics), admin];
  const registries = pools.map(({ statements }) => statements);
  const figures = createStatementFigures(registries);
  const { log } = write.statements;
  const streams = openStreams({ router, analytics, primary, read: (request) => router.read(request) });
  return {
    pools: { write, analytics, admin, reads },
    read: (request) => router.read(request),
    write: (request) => router.write(request),
    transaction: (work, options) => router.transaction(work, options),
    replicaAt: (tidemark) => router.replicaAt(tidemark),
    streams,
    answers,
    epoch: () => primary.epoch!,
    primaryLsn: (): Lsn => primary.flushed,
    primaryUrl: () => failover.server.url,
    poolStats: () => pools.map((pool) => pool.stats()),
    held(max) {
      const now = performance.now();
      const held = pools.flatMap((pool) => pool.held(now)).sort((a, b) => b.heldMs - a.heldMs);
      return held.slice(0, max);
    },
    replicaStats: () => replicas.map(({ watcher }) => watcher.stats()),
    readStats: () => ({ ...router.stats }),
    statements: (max = 50) => figures(max),
    statementText: (id) => statementText(registries, id),
    slow: () => log.slow(),
    recent: () => log.recent(),
    recordStatements(on) {
      for (const registry of registries) registry.isOn = on;
    },
    schemaChanged: () => parts.schemaChanges.noticed(admin),
    rolesChanged: () => parts.roleChanges.noticed(admin),
    problem: () => (primary.error === undefined ? write.problem : `primary: ${primary.error.message}`),
    async close(deadlineMs) {
      parts.timeouts?.stop();
      parts.roleWatch.stop();
      await Promise.all([...pools.map((pool) => pool.close(deadlineMs)), parts.stopWatching()]);
    },
  };
}

const isLate = (error: unknown) => error instanceof TidemarkError && error.code === 'DB_STATEMENT_OVERRUN';
const serverOf = (url: string): Server => ({ url, target: parseConnectionUrl(url) });

const READ_ONLY = { default_transaction_read_only: 'on' };
const NONE = 'tidemark_none';
