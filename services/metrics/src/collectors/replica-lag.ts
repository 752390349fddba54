/**
 * The lag is the age of the oldest position that the replica has not reached. `pg_stat_replication.replay_lag` does
 * not suffice: it is constant or null while replay is paused.
 */

/** Samples are one second apart, so lags of more than 15 minutes are reported as 15 minutes. */
const MAX_SAMPLES = 900;

export interface LagEstimator {
  /** Records that the primary was at `position` (bytes since 0/0) at `at` (ms). */
  record(position: number, at: number): void;
  lagMs(replayed: number, reportedMs: number | null, now: number): number;
}

export function createLagEstimator(): LagEstimator {
  /** Ascending positions, each with the time it was first seen. */
  const samples: { position: number; at: number }[] = [];
  return {
    record(position, at) {
      const last = samples.at(-1);
      if (last && position === last.position) return;
      // A lower position comes from another server (a promoted replica, a restored backup), to which the samples do not apply.
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
