import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, displayName, type SystemState, seconds } from '../system-state.ts';

/** Shares of max_connections, and of the size limit of a stream. */
const MAX_CONNECTIONS_SHARE = 0.9;
const MAX_STREAM_SHARE = 0.9;
/** Collectors whose failure means that their server is down. */
const SERVER_COLLECTORS: Record<string, { key: string; name: string; severity: Finding['severity'] }> = {
  'postgres activity': { key: 'postgres', name: 'Postgres does not answer', severity: 'down' },
  nats: { key: 'nats', name: 'NATS does not answer', severity: 'down' },
};

/** Collectors that the owner of the database enables. Without them only their panel of the console is empty. */
const OPTIONAL_COLLECTORS: ReadonlySet<string> = new Set(['postgres statements']);

export function* storeRules(state: SystemState): Generator<Finding> {
  yield* collectorRules(state);
  yield* postgresRules(state);
  yield* replicationRules(state);
  for (const stream of state.collected.nats?.streams ?? []) {
    if (stream.maxBytes <= 0 || stream.bytes < stream.maxBytes * MAX_STREAM_SHARE || stream.pending === 0) continue;
    yield {
      key: `stream ${stream.name}`,
      severity: 'degraded',
      message: `the stream ${stream.name} is nearly full (${bytes(stream.bytes)} of ${bytes(stream.maxBytes)}) and ${stream.pending} messages wait for a consumer`,
      hint: 'Its consumers are too slow or have stopped: check batch and realtime.',
      holdMs: HOLD_MS,
    };
  }
}

function* collectorRules({ collectors }: SystemState): Generator<Finding> {
  const postgresDown = collectors.some(({ name, error }) => name === 'postgres activity' && error);
  for (const { name, error, hint } of collectors) {
    if (error === null || OPTIONAL_COLLECTORS.has(name)) continue;
    const server = SERVER_COLLECTORS[name];
    // While Postgres is down, its other collectors fail for the same reason.
    if (!server && postgresDown) continue;
    yield {
      key: server?.key ?? `collector ${name}`,
      severity: server?.severity ?? 'degraded',
      message: server ? `${server.name}: ${error}` : `the collector "${name}" fails: ${error}`,
      hint: hint ?? 'Its figures are missing until it succeeds; it retries by itself.',
    };
  }
}

function* postgresRules({ collected: { activity }, limits }: SystemState): Generator<Finding> {
  if (!activity) return;
  const { total, max } = activity.connections;
  if (total >= max * MAX_CONNECTIONS_SHARE) {
    yield {
      key: 'postgres connections',
      severity: 'degraded',
      message: `Postgres has ${total} client connections of at most ${max} (max_connections)`,
      hint: 'Reduce the pool sizes or the number of instances, or raise max_connections; Postgres will soon refuse new connections.',
      holdMs: HOLD_MS,
    };
  }
  const { oldestTransaction: oldest, blocker } = activity;
  if (blocker) {
    yield {
      key: `blocker ${blocker.pid}`,
      severity: 'degraded',
      message: `${blocker.waiting} ${blocker.waiting === 1 ? 'session waits' : 'sessions wait'} for a lock of pid ${blocker.pid} (${blocker.application || 'no application name'}, ${blocker.state})`,
      hint: `Wait for it, or end it: select pg_terminate_backend(${blocker.pid}).`,
      holdMs: HOLD_MS,
    };
  }
  if (oldest && oldest.seconds * 1_000 > limits.transactionMs) {
    yield {
      key: `transaction ${oldest.pid}`,
      severity: 'degraded',
      message: `a transaction of ${oldest.application || 'a client without application name'} (pid ${oldest.pid}, ${oldest.state}) has been open for ${seconds(oldest.seconds * 1_000)}: ${oldest.statement.slice(0, 120)}`,
      hint: `It holds its locks and prevents VACUUM from removing dead rows. To end it: select pg_terminate_backend(${oldest.pid}).`,
    };
  }
}

function* replicationRules({ live, collected: { replication }, limits }: SystemState): Generator<Finding> {
  for (const replica of replication?.replicas ?? []) {
    if ((replica.lagMs ?? 0) <= limits.replicaLagMs) continue;
    yield {
      key: `replica ${replica.name}`,
      severity: 'degraded',
      message: `the replica ${replica.name} is ${seconds(replica.lagMs ?? 0)} and ${bytes(replica.lagBytes ?? 0)} behind the primary`,
      hint: 'Is its replay paused (select pg_wal_replay_resume()) or blocked by a long query, or is its disk slow? Reads go to other servers meanwhile.',
    };
  }
  const unhealthy = new Map<string, { reason: string; seenBy: string[] }>();
  for (const { telemetry } of live) {
    for (const replica of telemetry.replicas ?? []) {
      if (replica.healthy) continue;
      const known = unhealthy.get(replica.name) ?? { reason: replica.reason ?? 'no reason given', seenBy: [] };
      known.seenBy.push(displayName(telemetry));
      unhealthy.set(replica.name, known);
    }
  }
  for (const [name, { reason, seenBy }] of unhealthy) {
    yield {
      key: `replica unhealthy ${name}`,
      severity: 'degraded',
      message: `the replica ${name} gets no reads (${seenBy.join(', ')}): ${reason}`,
      hint: 'It gets reads again as soon as it answers and has caught up.',
      holdMs: HOLD_MS,
    };
  }
  for (const slot of replication?.slots ?? []) {
    const label = `the replication slot ${slot.name} (${slot.kind}, ${slot.active ? 'active' : 'not in use'})`;
    if (slot.walStatus === 'lost' || slot.walStatus === 'unreserved') {
      yield {
        key: `slot ${slot.name}`,
        severity: 'degraded',
        message: `${label} has ${slot.walStatus === 'lost' ? 'lost WAL that it needed' : 'less WAL left than it needs'}`,
        hint: 'Its consumer must start again: rebuild the replica, or let the relay start a new epoch; then drop the slot.',
      };
    } else if ((slot.retainedBytes ?? 0) > limits.slotBytes) {
      yield {
        key: `slot ${slot.name}`,
        severity: 'degraded',
        message: `${label} retains ${bytes(slot.retainedBytes ?? 0)} of WAL on the primary’s disk`,
        hint: `Start its consumer, or drop the slot: select pg_drop_replication_slot('${slot.name}').`,
      };
    }
  }
}
