/** The memory of what is attacked: the gateway, realtime, and the Postgres backends that the services' statements run in. */
import { readFileSync } from 'node:fs';
import { withClient } from '@tidemark/local-stack';
import type { Sql } from 'postgres';
import { pause, until } from '../../measuring/waiting.ts';
import type { FourServices } from '../setup/four-services.ts';

export interface MemoryPeaks {
  gateway: number;
  realtime: number;
  /** The largest of the backends, shared memory not counted. */
  backend: number;
}

const SAMPLE_MS = 100;
const FREED_WITHIN_MS = 20_000;
const MB = 1024 ** 2;

/** Samples until it is stopped. @returns the peaks so far, in MB; 0 where the system does not tell (only Linux does) */
export function watchMemory(services: FourServices, primaryUrl: string) {
  const peaks: MemoryPeaks = { gateway: 0, realtime: 0, backend: 0 };
  let isStopped = false;
  const ended = withClient(primaryUrl, async (sql) => {
    while (!isStopped) {
      for (const name of ['gateway', 'realtime'] as const) {
        peaks[name] = Math.max(peaks[name], (services[name].usage().rssBytes ?? 0) / MB);
      }
      peaks.backend = Math.max(peaks.backend, await largestBackend(sql));
      await pause(SAMPLE_MS);
    }
  });
  // An error is told by `stop`; until then it must not end the process as an unhandled rejection.
  ended.catch(() => undefined);
  return {
    peaks,
    stop(): Promise<void> {
      isStopped = true;
      return ended;
    },
  };
}

/** Returns the private memory of the largest backend, in MB, once it is at most `expected` or the time is over. Memory of an answer that is still being built does not count. */
export async function keptByBackends(primaryUrl: string, expected: number): Promise<number> {
  return withClient(primaryUrl, async (sql) => {
    let largest = 0;
    const isFreed = async () => {
      largest = await largestBackend(sql);
      return largest <= expected;
    };
    await until('backends to free what they do not keep', isFreed, FREED_WITHIN_MS).catch(() => undefined);
    return largest;
  });
}

async function largestBackend(sql: Sql): Promise<number> {
  const backends = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
  return Math.max(0, ...backends.map(({ pid }) => privateBytesOf(pid) / MB));
}

/** @returns 0 for a process that has just ended, and where there is no /proc */
function privateBytesOf(pid: number): number {
  try {
    const anonymous = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Number(anonymous?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
