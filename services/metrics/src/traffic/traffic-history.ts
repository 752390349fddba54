/**
 * The service that users get by route and table, in windows of 10 s, beside the last hour of the same. Commit to screen (the delay of live changes)
 * is one of the routes.
 */
import type { Telemetry, TrafficRow } from '@tidemark/contracts';
import { quantilesOfBins } from '@tidemark/db';

export interface RouteTraffic extends TrafficRow {
  /** Null where an instance of an earlier version sends no sketch. */
  p50Ms: number | null;
  /** The median of the p99s of its last hour; null before there are five minutes of it. */
  hourP99Ms: number | null;
  /** Instances that answered, `<service>/<instance>`. */
  instances: string[];
}

interface Route {
  windows: Map<string, { to: number; row: TrafficRow }>;
  /** The p99 of each slot of 10 s, in a ring; NaN without enough requests. */
  hour: Float32Array;
  slot: number;
  seenAt: number;
}

export const COMMIT_TO_SCREEN = 'commit to screen';
export const MIN_REQUESTS = 20;
const SLOT_MS = 10_000;
const SLOTS = 360;
const MIN_SLOTS = 30;
/** 1.5 KB each. The one that was silent for longest makes room. */
const MAX_ROUTES = 256;
/** A window counts until the next one of its instance should have come, though one message was lost. */
const FRESH_MS = 15_000;

export class TrafficHistory {
  #routes = new Map<string, Route>();
  #delivered = new Map<string, { at: number; total: number }>();

  get size(): number {
    return this.#routes.size;
  }

  record(source: string, { traffic, sockets }: Pick<Telemetry, 'traffic' | 'sockets'>, now: number): void {
    if (traffic) for (const row of traffic.rows) this.#add(source, traffic.to, row, now);
    if (!sockets) return;
    const before = this.#delivered.get(source);
    if (before && now - before.at < SLOT_MS) return;
    this.#delivered.set(source, { at: now, total: sockets.deliveredTotal });
    const requests = Math.max(0, sockets.deliveredTotal - (before?.total ?? sockets.deliveredTotal));
    const row = { route: COMMIT_TO_SCREEN, table: null, requests, p99Ms: sockets.deliveryP99Ms };
    this.#add(source, now, { ...row, serverErrors: 0, refused: 0, sqlStates: {} }, now);
  }

  /** An instance has gone for good. */
  forget(source: string): void {
    this.#delivered.delete(source);
    for (const { windows } of this.#routes.values()) windows.delete(source);
  }

  current(now: number): RouteTraffic[] {
    const all: RouteTraffic[] = [];
    for (const route of this.#routes.values()) {
      const fresh = [...route.windows].filter(([, { to }]) => now - to < FRESH_MS);
      const [first] = fresh;
      if (!first) continue;
      const rows = fresh.map(([, { row }]) => row);
      const sum = (of: (row: TrafficRow) => number) => rows.reduce((total, row) => total + of(row), 0);
      const sqlStates: Record<string, number> = {};
      for (const row of rows) {
        for (const [state, count] of Object.entries(row.sqlStates)) sqlStates[state] = (sqlStates[state] ?? 0) + count;
      }
      const { bins: _, ...shared } = first[1].row;
      all.push({
        ...shared,
        requests: sum(({ requests }) => requests),
        p50Ms: quantileOf(rows, 0.5) ?? null,
        p99Ms: quantileOf(rows, 0.99) ?? Math.max(...rows.map(({ p99Ms }) => p99Ms)),
        serverErrors: sum(({ serverErrors }) => serverErrors),
        refused: sum(({ refused }) => refused),
        sqlStates,
        hourP99Ms: medianOf(route.hour),
        instances: fresh.map(([source]) => source).sort(),
      });
    }
    return all;
  }

  #add(source: string, to: number, row: TrafficRow, now: number): void {
    const route = this.#routeOf(`${row.route} ${row.table ?? ''}`, now);
    // An instance of an earlier version sends each window twice.
    if (route.windows.get(source)?.to === to) return;
    // The clock of the sender may be wrong.
    route.windows.set(source, { to: Math.min(to, now), row });
    route.seenAt = now;
    const slot = Math.floor(now / SLOT_MS);
    for (let n = Math.max(route.slot + 1, slot - SLOTS + 1); n <= slot; n++) route.hour[n % SLOTS] = Number.NaN;
    route.slot = slot;
    if (row.requests < MIN_REQUESTS) return;
    const known = route.hour[slot % SLOTS] as number;
    route.hour[slot % SLOTS] = Number.isNaN(known) ? row.p99Ms : Math.max(known, row.p99Ms);
  }

  #routeOf(key: string, now: number): Route {
    const known = this.#routes.get(key);
    if (known) return known;
    if (this.#routes.size >= MAX_ROUTES) {
      const [oldest] = [...this.#routes].reduce((a, b) => (b[1].seenAt < a[1].seenAt ? b : a));
      this.#routes.delete(oldest);
    }
    const hour = new Float32Array(SLOTS).fill(Number.NaN);
    const route: Route = { windows: new Map(), hour, slot: Math.floor(now / SLOT_MS), seenAt: now };
    this.#routes.set(key, route);
    return route;
  }
}

/** Returns the quantile of all requests, or undefined where an instance of an earlier version has sent its p99 only. */
function quantileOf(rows: readonly TrafficRow[], quantile: number): number | undefined {
  const bins = rows.flatMap(({ bins }) => (bins ? [bins] : []));
  return bins.length === rows.length ? quantilesOfBins(bins, [quantile])?.[0] : undefined;
}

function medianOf(hour: Float32Array): number | null {
  const known = hour.filter((value) => !Number.isNaN(value)).sort();
  return known.length < MIN_SLOTS ? null : (known[Math.floor(known.length / 2)] as number);
}
