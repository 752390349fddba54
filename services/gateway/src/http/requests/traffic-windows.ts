/**
 * Requests by route and table in windows of 10 s: what the users of each got. A fast-path answer of the cache is not among them. A
 * window ends each 5 s and overlaps the one before, so that a fault is told within 5 s.
 */
import type { TrafficRow, TrafficWindow } from '@tidemark/contracts';
import { mergedBins, mergedQuantiles, SlidingSketch } from '@tidemark/db';

const HALF_MS = 5_000;
/** Keys of half a window, some 3 KB each; further ones share one. */
const MAX_KEYS = 128;
/** Rows of a window on the wire, some 120 bytes each. */
const MAX_ROWS = 64;
/** SQLSTATE classes that are somebody's fault: data, syntax and rights, resources, the operator, Postgres itself. */
const CLASSES: ReadonlySet<string> = new Set(['22', '42', '53', '57', 'XX']);
/** A policy or a missing grant refused it, as it should. */
const INSUFFICIENT_PRIVILEGE = '42501';
const SQLSTATE = /^[0-9A-Z]{5}$/;

interface Counted extends Omit<TrafficRow, 'p99Ms' | 'bins'> {
  latencies: SlidingSketch;
}

export class TrafficWindows {
  #before = new Map<string, Counted>();
  #counted = new Map<string, Counted>();
  #endsAt: number;
  #closed: TrafficWindow | undefined;

  constructor(now: number = Date.now()) {
    this.#endsAt = now + HALF_MS;
  }

  record(
    request: { route: string; table: string | null; status: number; ms: number; code: string | undefined },
    now = Date.now(),
  ): void {
    this.#turn(now);
    const { route, table, status, ms, code } = request;
    const row = this.#rowOf(route, table);
    row.requests += 1;
    row.latencies.record(ms);
    if (status === 429 || status === 503) row.refused += 1;
    else if (status >= 500) row.serverErrors += 1;
    if (code === undefined || !SQLSTATE.test(code) || code === INSUFFICIENT_PRIVILEGE) return;
    const sqlClass = code.slice(0, 2);
    if (CLASSES.has(sqlClass)) row.sqlStates[sqlClass] = (row.sqlStates[sqlClass] ?? 0) + 1;
  }

  /** The last window that has ended, if that is less than half a window ago. */
  latest(now: number = Date.now()): TrafficWindow | undefined {
    this.#turn(now);
    return this.#closed;
  }

  #turn(now: number): void {
    if (now < this.#endsAt) return;
    const to = this.#endsAt;
    const isNow = now < to + HALF_MS;
    this.#closed = isNow ? { to, rows: rowsOf([this.#before, this.#counted]) } : undefined;
    this.#before = isNow ? this.#counted : new Map();
    this.#counted = new Map();
    this.#endsAt = now + HALF_MS;
  }

  #rowOf(route: string, table: string | null): Counted {
    const key = `${route} ${table ?? ''}`;
    const known = this.#counted.get(key);
    if (known) return known;
    if (this.#counted.size >= MAX_KEYS && route !== OTHER) return this.#rowOf(OTHER, null);
    const row: Counted = {
      route,
      table: table === null ? null : table.slice(0, 63),
      requests: 0,
      serverErrors: 0,
      refused: 0,
      sqlStates: {},
      // It keeps at least 30 s, so nothing of a window is lost.
      latencies: new SlidingSketch(),
    };
    this.#counted.set(key, row);
    return row;
  }
}

const OTHER = '(other)';

/** Returns the rows that are sent: rows with failures come first, then the busiest. */
function rowsOf(halves: readonly ReadonlyMap<string, Counted>[]): TrafficRow[] {
  const keys = new Set(halves.flatMap((half) => [...half.keys()]));
  return [...keys]
    .map((key) => halves.flatMap((half) => half.get(key) ?? []))
    .map((parts) => ({ row: sumOf(parts), sketches: parts.map(({ latencies }) => latencies) }))
    .sort((a, b) => failuresOf(b.row) - failuresOf(a.row) || b.row.requests - a.row.requests)
    .slice(0, MAX_ROWS)
    .map(({ row, sketches }) => ({
      ...row,
      p99Ms: mergedQuantiles(sketches, [0.99])[0] as number,
      bins: mergedBins(sketches),
    }));
}

type Counts = Omit<Counted, 'latencies'>;

const failuresOf = ({ serverErrors, refused, sqlStates }: Counts) =>
  serverErrors + refused + Object.values(sqlStates).reduce((total, count) => total + count, 0);

function sumOf(parts: readonly Counted[]): Counts {
  const { route, table } = parts[0] as Counted;
  const sum: Counts = { route, table, requests: 0, serverErrors: 0, refused: 0, sqlStates: {} };
  for (const { requests, serverErrors, refused, sqlStates } of parts) {
    sum.requests += requests;
    sum.serverErrors += serverErrors;
    sum.refused += refused;
    for (const [state, count] of Object.entries(sqlStates)) sum.sqlStates[state] = (sum.sqlStates[state] ?? 0) + count;
  }
  return sum;
}
