import { literal } from '@tidemark/db';
import type { SlotState } from '../../collectors/postgres-replication.ts';
import { type Finding, HOLD_MS, type Remedy } from '../finding.ts';
import { bytes, displayName, type SystemState, seconds } from '../system-state.ts';

/** A busy network delays WAL by less. */
const CUT_OFF_MS = 4_000;

export function* replicationRules(state: SystemState): Generator<Finding> {
  const { live, collected, limits, thresholds } = state;
  const { replication, activity } = collected;
  yield* connectionRules(state);
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
      continue;
    }
    // A physical slot without a consumer belongs to a replica that is away, which has its own finding.
    if (slot.kind === 'logical' && !slot.active) {
      yield {
        rule: 'slot.unread',
        key: `slot unread ${slot.name}`,
        subject: slot.name,
        severity: 'degraded',
        message: `nobody reads ${label}; it retains ${bytes(slot.retainedBytes ?? 0)} of WAL${fullIn(slot, activity?.walBytesPerSecond)}`,
        hint: 'Start its consumer, or drop the slot.',
        measured: slot.retainedBytes ?? 0,
        unit: 'bytes',
        holdMs: thresholds.slotUnreadMs,
        remedies: [dropSlot(slot.name)],
      };
    }
    const budget = slot.safeBytes === null ? undefined : (slot.retainedBytes ?? 0) + slot.safeBytes;
    const most = Math.min(
      limits.slotBytes,
      budget === undefined ? limits.slotBytes : budget * thresholds.slotBudgetShare,
    );
    if ((slot.retainedBytes ?? 0) > most) {
      yield {
        rule: 'slot.retains',
        key: `slot ${slot.name}`,
        subject: slot.name,
        measured: slot.retainedBytes ?? 0,
        limit: most,
        unit: 'bytes',
        severity: 'degraded',
        message: `${label} retains ${bytes(slot.retainedBytes ?? 0)} of WAL on the primary’s disk${fullIn(slot, activity?.walBytesPerSecond)}`,
        hint: 'Start its consumer, or drop the slot.',
        remedies: [dropSlot(slot.name)],
      };
    }
  }
}

/** It drops nothing while a consumer reads the slot. */
const dropSlot = (name: string): Remedy => ({
  sql: `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = ${literal(name)} and not active`,
  effect: 'Postgres removes the WAL that only this slot retains.',
  risk: 'Its consumer must start again from a new copy of the data.',
});

function fullIn({ safeBytes }: SlotState, bytesPerSecond: number | undefined): string {
  if (safeBytes === null) return ', and no max_slot_wal_keep_size limits it';
  if (bytesPerSecond === undefined || bytesPerSecond <= 0) return `; it loses WAL after ${bytes(safeBytes)} more`;
  return `; at the present rate it is full in ${seconds((safeBytes / bytesPerSecond) * 1_000)}`;
}

function* connectionRules({ collected: { replication } }: SystemState): Generator<Finding> {
  for (const name of replication?.paused ?? []) {
    yield {
      rule: 'replica.paused',
      key: `replica paused ${name}`,
      subject: name,
      severity: 'degraded',
      message: `the replay of the replica ${name} is paused: its reads get older and older`,
      hint: 'Somebody has called pg_wal_replay_pause() there. Run the statement on the replica.',
      remedies: [
        {
          sql: 'select pg_wal_replay_resume()',
          effect: 'It catches up.',
          risk: 'Whoever paused it may not be done.',
          elsewhere: true,
        },
      ],
    };
  }
  const disconnected = (replication?.slots ?? []).filter(({ kind, active }) => kind === 'physical' && !active);
  for (const slot of disconnected) {
    yield {
      rule: 'replica.disconnected',
      key: `replica disconnected ${slot.name}`,
      subject: slot.name,
      severity: 'degraded',
      message: `the replica of the slot ${slot.name} is disconnected from the primary, which retains ${bytes(slot.retainedBytes ?? 0)} of WAL for it`,
      hint: 'Is the replica running, and can it reach the primary? Its log says why it does not stream. If it is gone for good, drop the slot.',
      holdMs: HOLD_MS,
      remedies: [dropSlot(slot.name)],
    };
  }
  for (const { name, forMs, streams } of replication?.cutOff ?? []) {
    if (forMs < CUT_OFF_MS || disconnected.some((slot) => slot.name === name)) continue;
    yield {
      rule: 'replica.disconnected',
      key: `replica disconnected ${name}`,
      subject: name,
      severity: 'degraded',
      measured: forMs,
      limit: CUT_OFF_MS,
      unit: 'ms',
      message: `the replica ${name} receives nothing from the primary: its last WAL came ${seconds(forMs)} ago, and the primary has written more since`,
      hint: streams
        ? 'The network between them loses packets, or one of them hangs. They notice it after wal_sender_timeout and wal_receiver_timeout.'
        : 'It is running and has no connection to the primary. Its log says why.',
    };
  }
}
