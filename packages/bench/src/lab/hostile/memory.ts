import { readFileSync } from 'node:fs';
import { withClient } from '@tidemark/local-stack';
import type { Sql } from 'postgres';
import { repeat } from '../../measuring/loops.ts';
import { pause, until } from '../../measuring/waiting.ts';
import type { FourServices } from '../setup/four-services.ts';

const SAMPLE_MS = 100;
const FREED_WITHIN_MS = 20_000;
const MB = 1024 ** 2;

/** Peaks are in MB, that of backends without shared memory; all are 0 on systems other than Linux. */
export function watchMemory(services: FourServices, primaryUrl: string) {
  const peaks = { gateway: 0, realtime: 0, backend: 0 };
  const loop = repeat(async () => {
    for (const name of ['gateway', 'realtime'] as const) {
      peaks[name] = Math.max(peaks[name], (services[name].usage().rssBytes ?? 0) / MB);
    }
    peaks.backend = Math.max(peaks.backend, await withClient(primaryUrl, largestBackend));
    await pause(SAMPLE_MS);
  });
  return { peaks, stop: loop.stop };
}

/** Backends free the memory of a running statement later: waits up to 20 s for `expected` MB. */
export async function keptByBackends(primaryUrl: string, expected: number): Promise<number> {
  return withClient(primaryUrl, async (sql) => {
    let largest = 0;
    const isFreed = async () => {
      largest = await largestBackend(sql);
      return largest <= expected;
    };
    // The caller compares the result with its bound.
    await until('backends to free memory', isFreed, FREED_WITHIN_MS).catch(() => undefined);
    return largest;
  });
}

async function largestBackend(sql: Sql): Promise<number> {
  const backends = await sql<{ pid: number }[]>`
    select pid from pg_stat_activity
    where datname = current_database() and backend_type = 'client backend' and pid <> pg_backend_pid()`;
  return Math.max(0, ...backends.map(({ pid }) => privateBytesOf(pid) / MB));
}

function privateBytesOf(pid: number): number {
  try {
    const anonymous = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return Number(anonymous?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
