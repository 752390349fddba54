/** Sessions of Postgres that stop others: holders of locks that others wait for, and old transactions. */
import { literal } from '@tidemark/db';
import type { LockRoot, LockSession } from '../../collectors/lock-tree.ts';
import type { Finding, Remedy } from '../finding.ts';
import { instanceOfApplication, type SystemState, seconds } from '../system-state.ts';

/** One wait of two seconds is common while a migration runs; shorter ones are the work of any busy table. */
const LOCK_WAIT_MS = 2_000;

export function* sessionRules(state: SystemState): Generator<Finding> {
  const { activity } = state.collected;
  if (!activity) return;
  for (const root of activity.locks) {
    const finding = blockerFinding(root, state);
    if (finding) yield finding;
  }
  yield* longStatements(state);
  const oldest = activity.oldestTransaction;
  // A transaction that others wait for has its own finding above, which says more.
  if (
    oldest === null ||
    oldest.seconds * 1_000 <= state.limits.transactionMs ||
    activity.locks.some(({ session }) => session?.pid === oldest.pid)
  ) {
    return;
  }
  yield {
    rule: 'transaction.old',
    key: `transaction ${oldest.pid}`,
    severity: 'degraded',
    subject: `pid ${oldest.pid}`,
    message: `a transaction of ${oldest.application || 'a client without application name'} (pid ${oldest.pid}, ${oldest.state}) has been open for ${seconds(oldest.seconds * 1_000)}: ${oldest.statement.slice(0, 120)}`,
    hint: 'It holds its locks and prevents VACUUM from removing dead rows.',
    measured: oldest.seconds * 1_000,
    limit: state.limits.transactionMs,
    unit: 'ms',
    remedies: endSession(oldest, 'Its work is rolled back, and VACUUM can remove the dead rows again.'),
  };
}

/** Our own services have limits for their statements, and the findings of their pools name them. */
const OURS = /^tidemark[ /]/;

function* longStatements({ collected: { activity }, thresholds }: SystemState): Generator<Finding> {
  for (const { pid, application, user, client, seconds: ran, waits, statement, backendStart } of activity?.running ??
    []) {
    if (ran * 1_000 < thresholds.statementMs || waits || OURS.test(application) || STREAMS.test(statement)) continue;
    const who = application || 'a client without application name';
    yield {
      rule: 'statement.long',
      key: `statement ${pid}`,
      severity: 'degraded',
      subject: `pid ${pid}`,
      message: `${who} (pid ${pid}, user ${user ?? 'unknown'}${client ? `, ${client}` : ''}) has run one statement for ${seconds(ran * 1_000)}: ${statement.slice(0, 160)}`,
      hint: 'It uses a core of the server, or its disks. POST /api/v1/performance/queries/analyze explains it.',
      measured: ran * 1_000,
      limit: thresholds.statementMs,
      unit: 'ms',
      remedies: [
        {
          sql: `select pg_cancel_backend(pid) from pg_stat_activity where pid = ${pid} and backend_start = ${literal(backendStart)} and state = 'active'`,
          effect: 'The statement ends with an error; its session stays.',
          risk: 'Its client gets the error; the work of its transaction is rolled back.',
        },
      ],
    };
  }
}

/** Replication and maintenance take their time. */
const STREAMS = /^(?:start_replication|base_backup|vacuum|analyze|create index|reindex|copy|wal_)/i;

function blockerFinding({ session, prepared, waiters }: LockRoot, state: SystemState): Finding | undefined {
  const longestMs = Math.max(...waiters.map(({ waitingMs }) => waitingMs ?? 0));
  if (longestMs < LOCK_WAIT_MS) return undefined;
  const count = waiters.length === 1 ? '1 session waits' : `${waiters.length} sessions wait`;
  const waits = `${count} for it, for up to ${seconds(longestMs)}`;
  const affected = waiters.flatMap(({ application }) => instanceOfApplication(application, state.live) ?? []);
  const common = {
    rule: 'lock.blocker' as const,
    severity: 'degraded' as const,
    measured: longestMs,
    limit: LOCK_WAIT_MS,
    unit: 'ms' as const,
    affects: [...new Set(affected)],
  };
  if (prepared) {
    const { gid, since } = prepared;
    return {
      ...common,
      key: `blocker prepared ${gid}`,
      subject: `prepared transaction ${gid}`,
      message: `the prepared transaction ${literal(gid)} ${locksOf(prepared.held)} for ${seconds(Math.max(0, state.now - since))}; ${waits}`,
      hint: 'Its coordinator has not finished it. Ask the coordinator for the outcome, then commit or roll it back.',
      remedies: [
        {
          sql: `rollback prepared ${literal(gid)}`,
          effect: `Its work is undone, and ${waiters.length} waiting sessions continue.`,
          risk: 'If its coordinator has committed the other parts, the data differ afterwards: then use commit prepared.',
        },
      ],
    };
  }
  if (!session) return undefined;
  const where = session.client ? `, ${session.client}` : '';
  return {
    ...common,
    key: `blocker ${session.pid}`,
    subject: `pid ${session.pid}`,
    message: `${session.application || 'a client without application name'} (pid ${session.pid}, user ${session.user ?? 'unknown'}${where}) ${locksOf(session.held)} and ${stateOf(session, state.now)}; ${waits}`,
    hint: session.state.startsWith('idle in transaction')
      ? 'End that session, and set idle_in_transaction_session_timeout for its role.'
      : `It runs: ${session.statement.slice(0, 200)}`,
    remedies: endSession(session, `Its work is rolled back, and ${waiters.length} waiting sessions continue.`),
  };
}

function locksOf(held: readonly { mode: string; relation: string | null }[]): string {
  if (held.length === 0) return 'holds a lock on rows';
  const names = held.slice(0, 3).map(({ mode, relation }) => `${modeName(mode)} on ${relation}`);
  return `holds ${names.join(', ')}`;
}

/** `AccessExclusiveLock` → `ACCESS EXCLUSIVE`, as LOCK TABLE has it. */
const modeName = (mode: string) =>
  mode
    .replace(/Lock$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toUpperCase();

function stateOf({ state, stateSince }: LockSession, now: number): string {
  const since = stateSince === null ? '' : ` for ${seconds(Math.max(0, now - stateSince))}`;
  return `has been ${state}${since}`;
}

/** The start of the process is part of the condition, because Postgres gives the same pid to later sessions. */
function endSession({ pid, backendStart }: { pid: number; backendStart: string }, effect: string): Remedy[] {
  return [
    {
      sql: `select pg_terminate_backend(pid) from pg_stat_activity where pid = ${pid} and backend_start = ${literal(backendStart)}`,
      effect,
      risk: 'Its client loses its connection and the work of its transaction.',
    },
  ];
}
