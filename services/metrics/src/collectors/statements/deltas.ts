/**
 * Counts what statements did between two readings of pg_stat_statements, on each server. The view only counts upwards, from
 * the start of its entries: the entry of a statement may be evicted, and begin again at zero.
 */

export const COUNTERS = ['calls', 'totalMs', 'planMs', 'rows', 'hit', 'read', 'tempBlocks', 'walBytes'] as const;
type Counter = (typeof COUNTERS)[number];
export type Counters = Record<Counter, number>;

export interface Reading extends Counters {
  /** Text: it is a 64-bit integer. */
  queryid: string;
  userid: number;
  dbid: number;
  toplevel: boolean;
  maxMs: number;
  /** ms since 1970: when Postgres began to count this entry. Null before version 17. */
  since: number | null;
}

export interface ServerReading {
  entries: readonly Reading[];
  /** ms since 1970: the last reset of all entries. */
  resetAt: number | null;
  /** Entries that Postgres has dropped to make room, since its start or the reset. */
  evicted: number;
}

export interface Delta {
  key: string;
  counters: Counters;
}

export interface Deltas {
  deltas: Delta[];
  /** Somebody has reset the statistics since the previous reading: what ran between it and the reset is not counted. */
  wasReset: boolean;
  /** Entries that Postgres dropped since the previous reading, which may have taken counts with them. */
  evicted: number;
}

/** The columns by which Postgres tells entries apart. */
export const entryKey = ({ userid, dbid, queryid, toplevel }: Reading) =>
  `${userid} ${dbid} ${queryid} ${toplevel ? 'top' : 'nested'}`;

export interface DeltaReader {
  /** The first reading of a server has no deltas: nobody knows when its counts happened. */
  read(server: string, reading: ServerReading): Deltas;
}

export function createDeltaReader(): DeltaReader {
  const before = new Map<string, { reading: ServerReading; entries: Map<string, Reading> }>();
  return {
    read(server, reading) {
      const previous = before.get(server);
      const entries = new Map(reading.entries.map((entry) => [entryKey(entry), entry]));
      before.set(server, { reading, entries });
      if (previous === undefined) return { deltas: [], wasReset: false, evicted: 0 };
      const wasReset = reading.resetAt !== previous.reading.resetAt;
      const deltas: Delta[] = [];
      for (const [key, entry] of entries) {
        const then = previous.entries.get(key);
        const counters = then === undefined || wasReset || hasBegunAgain(then, entry) ? entry : less(entry, then);
        if (counters.calls > 0) deltas.push({ key, counters: copy(counters) });
      }
      const evicted = reading.evicted - (wasReset ? 0 : previous.reading.evicted);
      return { deltas, wasReset, evicted: Math.max(0, evicted) };
    },
  };
}

/** Version 17 tells when an entry began. Before it, an entry has begun again where it has counted less than before. */
function hasBegunAgain(then: Reading, now: Reading): boolean {
  if (now.since !== null && then.since !== null) return now.since !== then.since;
  return now.calls < then.calls || now.totalMs < then.totalMs;
}

const copy = (counters: Counters) => Object.fromEntries(COUNTERS.map((name) => [name, counters[name]])) as Counters;

const less = (now: Counters, then: Counters) =>
  Object.fromEntries(COUNTERS.map((name) => [name, Math.max(0, now[name] - then[name])])) as Counters;
