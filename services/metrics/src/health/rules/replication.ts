import { literal } from '@tidemark/db';
import { type Finding, HOLD_MS } from '../finding.ts';
import { bytes, displayName, type SystemState, seconds } from '../system-state.ts';

export function* replicationRules({ live, collected: { replication }, limits }: SystemState): Generator<Finding> {
  for (const replica of replication?.replicas ?? []) {
    if ((replica.lagMs ?? 0) <= limits.replicaLagMs) continue;
    yield {
      rule: 'replica.lag',
      key: `replica ${replica.name}`,
      subject: replica.name,
      measured: replica.lagMs ?? 0,
      limit: limits.replicaLagMs,
      unit: 'ms',
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
      rule: 'replica.unhealthy',
      key: `replica unhealthy ${name}`,
      subject: name,
      affects: seenBy,
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
        rule: 'slot.lost',
        key: `slot ${slot.name}`,
        subject: slot.name,
        severity: 'degraded',
        message: `${label} has ${slot.walStatus === 'lost' ? 'lost WAL that it needed' : 'less WAL left than it needs'}`,
        hint: 'Its consumer must start again: rebuild the replica, or let the relay start a new epoch; then drop the slot.',
      };
    } else if ((slot.retainedBytes ?? 0) > limits.slotBytes) {
      yield {
        rule: 'slot.retains',
        key: `slot ${slot.name}`,
        subject: slot.name,
        measured: slot.retainedBytes ?? 0,
        limit: limits.slotBytes,
        unit: 'bytes',
        severity: 'degraded',
        message: `${label} retains ${bytes(slot.retainedBytes ?? 0)} of WAL on the primary’s disk`,
        hint: 'Start its consumer, or drop the slot.',
        remedies: [
          {
            sql: `select pg_drop_replication_slot(${literal(slot.name)})`,
            effect: 'Postgres removes the WAL that only this slot retains.',
            risk: 'Its consumer must start again from a new copy of the data.',
          },
        ],
      };
    }
  }
}
