/**
 * Decides from its polls whether reads may use a replica.
 *
 *                    poll fine, twice (the first time: once)
 *      ┌──────────┐ ──────────────────────────────────────────► ┌─────────┐
 *      │ ejected  │                                             │ healthy │
 *      └──────────┘ ◄────────────────────────────────────────── └─────────┘
 *                    poll failed · lag over the limit · promoted
 *
 * A replica is ejected above `unhealthyLagMs` and used again below `healthyLagMs`, so that it does not flap.
 */
export interface ReplicaLimits {
  healthyLagMs: number;
  unhealthyLagMs: number;
}

export interface ReplicaHealth {
  healthy: boolean;
  /** Fine polls in a row, while ejected. */
  finePolls: number;
  needed: number;
  reason: string | null;
}

export type ReplicaPoll =
  | { type: 'failed'; reason: string }
  | { type: 'promoted'; timeline: number }
  /** Null: the primary's position is not known. */
  | { type: 'position'; lagMs: number | null };

const FINE_POLLS_NEEDED = 2;

export const UNPOLLED: ReplicaHealth = { healthy: false, finePolls: 0, needed: 1, reason: 'not reached yet' };

export function nextReplicaHealth(health: ReplicaHealth, poll: ReplicaPoll, limits: ReplicaLimits): ReplicaHealth {
  if (poll.type === 'failed') return ejected(poll.reason);
  if (poll.type === 'promoted')
    return ejected(`it was promoted: it is a primary of its own now, on timeline ${poll.timeline}`);
  const lagMs = poll.lagMs ?? 0;
  if (health.healthy) {
    return lagMs > limits.unhealthyLagMs ? ejected(lagReason(lagMs, limits.unhealthyLagMs)) : health;
  }
  if (lagMs > limits.healthyLagMs) return ejected(lagReason(lagMs, limits.healthyLagMs));
  const finePolls = health.finePolls + 1;
  if (finePolls < health.needed) return { ...health, finePolls };
  return { healthy: true, finePolls: 0, needed: FINE_POLLS_NEEDED, reason: null };
}

function ejected(reason: string): ReplicaHealth {
  return { healthy: false, finePolls: 0, needed: FINE_POLLS_NEEDED, reason };
}

function lagReason(lagMs: number, limitMs: number): string {
  return `it lags ${Math.round(lagMs)} ms behind, over ${limitMs} ms`;
}
