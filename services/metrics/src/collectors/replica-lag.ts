/**
 * The age of what a replica has not replayed yet. `pg_stat_replication.replay_lag` alone is not enough: it is measured
 * when the standby replays, so it stands still, or is null, exactly while replay is paused. Here the primary's
 * positions are remembered with their times; the oldest one that the replica has not reached says how long ago it was.
 */

/** At one sample a second: a quarter of an hour of lag is measured, beyond it "at least that". */
const MAX_SAMPLES = 900;

export interface LagEstimator {
  /** The primary was at `position` (bytes since 0/0) at `at`, ms. */
  passed(position: number, at: number): void;
  /** `reportedMs` is Postgres's own figure, used where it is greater. 0 when nothing is missing. */
  lagMs(replayed: number, reportedMs: number | null, now: number): number;
}

export function createLagEstimator(): LagEstimator {
  /** Growing positions, each with the first time it was seen. */
  const samples: { position: number; at: number }[] = [];
  return {
    passed(position, at) {
      const last = samples.at(-1);
      if (last && position === last.position) return;
      // A position that goes back is another server (a promoted replica, a restored backup): what was known is void.
      if (last && position < last.position) samples.length = 0;
      samples.push({ position, at });
      if (samples.length > MAX_SAMPLES) samples.shift();
    },
    lagMs(replayed, reportedMs, now) {
      const unreached = samples.find((sample) => sample.position > replayed);
      if (!unreached) return 0;
      return Math.max(now - unreached.at, reportedMs ?? 0);
    },
  };
}
