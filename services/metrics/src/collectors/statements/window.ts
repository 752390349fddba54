/** The deltas of the last minutes: one bucket a minute, so that old ones can go. */
import { COUNTERS, type Counters, type Delta } from './deltas.ts';

const BUCKET_MS = 60_000;
const MAX_BUCKETS = 15;
/** pg_stat_statements.max is 5,000 by default; with eight counters a bucket of so many takes about 1 MB. */
const MAX_ENTRIES = 5_000;
export const MAX_WINDOW_S = (MAX_BUCKETS * BUCKET_MS) / 1_000;

export interface WindowEntry {
  key: string;
  counters: Counters;
  servers: Set<string>;
}

interface Bucket {
  from: number;
  entries: Map<string, WindowEntry>;
}

export interface StatementWindow {
  add(server: string, deltas: readonly Delta[], now: number): void;
  /** Sums up the buckets that begin within the last `seconds`; `since` is the beginning of the oldest. */
  sum(seconds: number, now: number): { entries: Map<string, WindowEntry>; since: number | null };
  refusedTotal(): number;
}

export function createStatementWindow(): StatementWindow {
  const buckets: Bucket[] = [];
  let refused = 0;

  function addTo(entries: Map<string, WindowEntry>, { key, counters }: Delta, servers: Iterable<string>): void {
    const known = entries.get(key);
    if (known !== undefined) {
      for (const name of COUNTERS) known.counters[name] += counters[name];
      for (const server of servers) known.servers.add(server);
    } else if (entries.size >= MAX_ENTRIES) refused += 1;
    else entries.set(key, { key, counters: { ...counters }, servers: new Set(servers) });
  }

  return {
    add(server, deltas, now) {
      let bucket = buckets.at(-1);
      if (bucket === undefined || now - bucket.from >= BUCKET_MS) {
        bucket = { from: now, entries: new Map() };
        buckets.push(bucket);
        if (buckets.length > MAX_BUCKETS) buckets.shift();
      }
      for (const delta of deltas) addTo(bucket.entries, delta, [server]);
    },
    sum(seconds, now) {
      const entries = new Map<string, WindowEntry>();
      const recent = buckets.filter(({ from }) => now - from < seconds * 1_000);
      for (const bucket of recent) for (const entry of bucket.entries.values()) addTo(entries, entry, entry.servers);
      return { entries, since: recent[0]?.from ?? null };
    },
    refusedTotal: () => refused,
  };
}
