/** Active relays that confirm nothing while the WAL grows. */
import type { Instance } from '../instances/registry.ts';

interface Standing {
  confirmedLsn: string | null;
  walLsn: string;
  /** ms since 1970: when it was first seen at this position. */
  since: number;
}

export class RelayWatch {
  #standing = new Map<string, Standing>();

  /** Returns since when each relay has confirmed nothing, by instance. Without an answer of Postgres it is unknown whether the WAL grows. */
  update(live: readonly Instance[], walLsn: string | undefined, now: number): ReadonlyMap<string, number> {
    const stalled = new Map<string, number>();
    const standing = new Map<string, Standing>();
    for (const { key, telemetry } of live) {
      if (telemetry.relay?.role !== 'active' || walLsn === undefined) continue;
      const { confirmedLsn } = telemetry.relay;
      const before = this.#standing.get(key);
      const one = before?.confirmedLsn === confirmedLsn ? before : { confirmedLsn, walLsn, since: now };
      standing.set(key, one);
      if (one.walLsn !== walLsn) stalled.set(key, one.since);
    }
    this.#standing = standing;
    return stalled;
  }
}
