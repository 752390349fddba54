/** Limits the descriptors of clients: the connection that takes the last one breaks everything else that needs one. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Metrics } from './metrics.ts';

export type DescriptorEvent =
  | { type: 'descriptors.low'; limit: number; forClients: number; wanted: number; hint: string }
  | { type: 'descriptors.refusing'; forClients: number }
  | { type: 'descriptors.accept_failed'; error: Error };

export interface Descriptors {
  readonly limit: number;
  readonly forClients: number;
  readonly taken: number;
  /** Returns false, without taking one, when none is left for a client. */
  take(): boolean;
  release(): void;
}

export interface DescriptorOptions {
  /** The service opens at most so many besides its listener: connections to Postgres, uploads, threads. */
  own: number;
  /** The descriptors that the settings would allow clients; a lower limit of the process is reported. */
  wanted: number;
  metrics: Metrics;
  observe: (event: DescriptorEvent) => void;
  limit?: number;
}

/** Reserve for NATS, the event loop, name lookups, and loading modules. */
const MISCELLANEOUS = 32;
/** Connections past the budget that are open for a moment, for a 503 or a probe. */
export const MAX_NEWCOMERS = 32;
/** Largest share of the reserve when the limit is very low; clients get the rest. */
const MAX_RESERVE_SHARE = 0.75;
/** The limit where the system does not report one (Windows). */
const UNKNOWN_LIMIT = 1_000_000;

export function openDescriptors(options: DescriptorOptions): Descriptors {
  const { metrics, observe, own, wanted, limit = readLimit() } = options;
  const wantedReserve = own + MISCELLANEOUS + MAX_NEWCOMERS + countOpen();
  const reserve = Math.min(wantedReserve, Math.floor(limit * MAX_RESERVE_SHARE));
  const forClients = limit - reserve;
  let taken = 0;
  metrics.gauge('tidemark_descriptors_limit', 'Open files that the system allows this process', [], (gauge) =>
    gauge.set(limit),
  );
  metrics.gauge('tidemark_descriptors_for_clients', 'Descriptors that clients may use together', [], (gauge) =>
    gauge.set(forClients),
  );
  metrics.gauge('tidemark_descriptors_taken', 'Descriptors that clients use', [], (gauge) => gauge.set(taken));
  if (forClients < wanted) {
    const hint = `Raise ulimit -n (LimitNOFILE, nofile) to ${wanted + wantedReserve}, or lower the settings.`;
    observe({ type: 'descriptors.low', limit, forClients, wanted, hint });
  }
  return {
    limit,
    forClients,
    get taken() {
      return taken;
    },
    take() {
      if (taken >= forClients) return false;
      taken += 1;
      return true;
    },
    release() {
      taken -= 1;
    },
  };
}

/** The soft limit, which Node raises to the hard limit when it starts. */
function readLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
    return soft === undefined || soft === 'unlimited' ? UNKNOWN_LIMIT : Number(soft);
  } catch {
    return readReportedLimit();
  }
}

interface ReportedLimits {
  userLimits?: { open_files?: { soft?: number | string } };
}

/** Without /proc (macOS), Node's report contains the limit. */
function readReportedLimit(): number {
  const report = process.report?.getReport() as unknown as ReportedLimits | undefined;
  const soft = report?.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : UNKNOWN_LIMIT;
}

function countOpen(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return MISCELLANEOUS;
  }
}
