/**
 * The budget of file descriptors. Clients get what the process's own limit leaves after a reserve for Postgres, NATS, files
 * and probes; a connection past it is answered with 503. Without a budget, the connection that takes the last descriptor
 * breaks everything else that needs one.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Metrics } from './metrics.ts';

export type DescriptorEvent =
  | { type: 'descriptors.low'; limit: number; forClients: number; wanted: number; hint: string }
  | { type: 'descriptors.refusing'; forClients: number }
  | { type: 'descriptors.accept_failed'; error: Error };

export interface Descriptors {
  /** Open files that the system allows this process. */
  readonly limit: number;
  /** How many of them clients may hold together. */
  readonly forClients: number;
  readonly taken: number;
  /** Takes one for a client. False, with nothing taken, when there is none left. */
  take(): boolean;
  release(): void;
}

export interface DescriptorOptions {
  /** Most descriptors that the service itself opens beside its listener: connections to Postgres, uploads, threads. */
  own: number;
  /** What the settings would let clients hold; a lower limit of the process is reported. */
  wanted: number;
  metrics: Metrics;
  observe: (event: DescriptorEvent) => void;
  /** The process's own, unless a test sets another. */
  limit?: number;
}

/** NATS, the event loop, name lookups, loading of modules. */
const MISCELLANEOUS = 32;
/** Connections past the budget that are held for a moment, to be told so, and for probes. */
export const MAX_NEWCOMERS = 32;
/** With a very low limit the reserve takes at most this share; clients still get something. */
const MAX_RESERVE_SHARE = 0.75;
/** The limit where the system does not tell it (Windows): no bound of our own. */
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
  metrics.gauge('tidemark_descriptors_for_clients', 'How many of them clients may hold', [], (gauge) =>
    gauge.set(forClients),
  );
  metrics.gauge('tidemark_descriptors_taken', 'How many of them clients hold', [], (gauge) => gauge.set(taken));
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

/** The soft limit, which Node has raised to the hard one at its start. */
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

/** Without /proc (macOS): Node's own report has it. */
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
