/** Postgres, its replicas and slots, NATS, and the collectors that look at them. */
import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, named, type SystemState, seconds } from '../system.ts';

const CONNECTIONS_SHARE = 0.9;
/** Of a stream that refuses new messages when full. */
const STREAM_SHARE = 0.9;
/** Collectors without which nothing can be said of their server: then it is the server that is down. */
const VITAL: Record<string, { key: string; name: string; severity: Finding['severity'] }> = {
  'postgres activity': { key: 'postgres', name: 'Postgres does not answer', severity: 'down' },
  nats: { key: 'nats', name: 'NATS does not answer', severity: 'down' },
};

/** Collectors that work only where the database's owner has agreed: without them their page alone is empty, and it says the remedy. */
const OPTIONAL: ReadonlySet<string> = new Set(['postgres statements']);

export function* storeRules(system: SystemState): Generator<Finding> {
  yield* collectorRules(system);
  yield* postgresRules(system);
  yield* replicationRules(system);
  for (const stream of system.collected.nats?.streams ?? []) {
    if (stream.maxBytes <= 0 || stream.bytes < stream.maxBytes * STREAM_SHARE || stream.pending === 0) continue;
    yield {
      key: `stream ${stream.name}`,
      severity: 'degraded',
      message: `the stream ${stream.name} is nearly full (${bytes(stream.bytes)} of ${bytes(stream.maxBytes)}) and ${stream.pending} messages wait for a consumer`,
      hint: 'Its consumers are too slow or gone: see batch and realtime above.',
      holdMs: HOLD_MS,
    };
  }
}

function* collectorRules({ collectors }: SystemState): Generator<Finding> {
  const postgresDown = collectors.some(({ name, error }) => name === 'postgres activity' && error);
  for (const { name, error, hint } of collectors) {
    if (error === null || OPTIONAL.has(name)) continue;
    const vital = VITAL[name];
    // Where the server itself is down, its other collectors fail for the same reason: said once.
    if (!vital && postgresDown) continue;
    yield {
      key: vital?.key ?? `collector ${name}`,
      severity: vital?.severity ?? 'degraded',
      message: vital ? `${vital.name}: ${error}` : `the collector "${name}" fails: ${error}`,
      hint: hint ?? 'Its figures are missing until it succeeds; it tries again by itself.',
    };
  }
}

function* postgresRules({ collected: { activity }, limits }: SystemState): Generator<Finding> {
  if (!activity) return;
  const { total, max } = activity.connections;
  if (total >= max * CONNECTIONS_SHARE) {
    yield {
      key: 'postgres connections',
      severity: 'degraded',
      message: `Postgres has ${total} client connections of at most ${max} (max_connections)`,
      hint: 'Lower the pools’ sizes or the number of instances, or raise max_connections; new connections will soon be refused.',
      holdMs: HOLD_MS,
    };
  }
  const { oldestTransaction: oldest, blocker } = activity;
  if (blocker) {
    yield {
      key: `blocker ${blocker.pid}`,
      severity: 'degraded',
      message: `${blocker.waiting} ${blocker.waiting === 1 ? 'session waits' : 'sessions wait'} for a lock of pid ${blocker.pid} (${blocker.application || 'no application name'}, ${blocker.state})`,
      hint: `Let it finish, or end it: select pg_terminate_backend(${blocker.pid}).`,
      holdMs: HOLD_MS,
    };
  }
  if (oldest && oldest.seconds * 1_000 > limits.transactionMs) {
    yield {
      key: `transaction ${oldest.pid}`,
      severity: 'degraded',
      message: `a transaction of ${oldest.application || 'a client without application name'} (pid ${oldest.pid}, ${oldest.state}) has been open for ${seconds(oldest.seconds * 1_000)}: ${oldest.statement.slice(0, 120)}`,
      hint: `It holds its locks and keeps VACUUM from cleaning up. End it with: select pg_terminate_backend(${oldest.pid}).`,
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
      hint: 'Is its replay paused (select pg_wal_replay_resume()), held up by a long query, or its disk slow? Reads go elsewhere meanwhile.',
    };
  }
  const unhealthy = new Map<string, { reason: string; seenBy: string[] }>();
  for (const { telemetry } of live) {
    for (const replica of telemetry.replicas ?? []) {
      if (replica.healthy) continue;
      const known = unhealthy.get(replica.name) ?? { reason: replica.reason ?? 'no reason given', seenBy: [] };
      known.seenBy.push(named(telemetry));
      unhealthy.set(replica.name, known);
    }
  }
  for (const [name, { reason, seenBy }] of unhealthy) {
    yield {
      key: `replica unhealthy ${name}`,
      severity: 'degraded',
      message: `the replica ${name} gets no reads (${seenBy.join(', ')}): ${reason}`,
      hint: 'It is let back in by itself once it answers and has caught up.',
      holdMs: HOLD_MS,
    };
  }
  for (const slot of replication?.slots ?? []) {
    const kept = `the replication slot ${slot.name} (${slot.kind}, ${slot.active ? 'active' : 'not in use'})`;
    if (slot.walStatus === 'lost' || slot.walStatus === 'unreserved') {
      yield {
        key: `slot ${slot.name}`,
        severity: 'degraded',
        message: `${kept} has ${slot.walStatus === 'lost' ? 'lost WAL that it needed' : 'less WAL left than it needs'}`,
        hint: 'Its reader must start afresh: rebuild the replica, or let the relay mint a new epoch; then drop the slot.',
      };
    } else if ((slot.retainedBytes ?? 0) > limits.slotBytes) {
      yield {
        key: `slot ${slot.name}`,
        severity: 'degraded',
        message: `${kept} keeps ${bytes(slot.retainedBytes ?? 0)} of WAL on the primary’s disk`,
        hint: `Start its reader, or drop it: select pg_drop_replication_slot('${slot.name}').`,
      };
    }
  }
}
