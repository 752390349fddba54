/** Requests by route and table in windows of 10 s: what the users of each got. A fast-path answer of the cache is not among them. */
import type { TrafficRow, TrafficWindow } from '@tidemark/contracts';
import { SlidingSketch } from '@tidemark/db';

const WINDOW_MS = 10_000;
/** Keys of a window, some 3 KB each; further ones share one. */
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
  #counted = new Map<string, Counted>();
  #endsAt: number;
  #closed: TrafficWindow | undefined;

  constructor(now: number = Date.now()) {
    this.#endsAt = now + WINDOW_MS;
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

  /** The last window that has ended, if that is less than one window ago. */
  latest(now: number = Date.now()): TrafficWindow | undefined {
    this.#turn(now);
    return this.#closed;
  }

  #turn(now: number): void {
    if (now < this.#endsAt) return;
    const to = this.#endsAt;
    this.#closed = now < to + WINDOW_MS ? { to, rows: rowsOf([...this.#counted.values()]) } : undefined;
    this.#counted = new Map();
    this.#endsAt = now + WINDOW_MS;
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
function rowsOf(counted: readonly Counted[]): TrafficRow[] {
  const failures = ({ serverErrors, refused, sqlStates }: Counted) =>
    serverErrors + refused + Object.values(sqlStates).reduce((total, count) => total + count, 0);
  return [...counted]
    .sort((a, b) => failures(b) - failures(a) || b.requests - a.requests)
    .slice(0, MAX_ROWS)
    .map(({ latencies, ...row }) => ({ ...row, p99Ms: latencies.quantile(0.99), bins: latencies.bins() }));
}
