/** Memory and processor time of another process, from Linux's /proc; elsewhere they are not known. */
import { readFileSync } from 'node:fs';

export interface Usage {
  /** Resident bytes. */
  readonly rssBytes: number | null;
  /** Processor time since its start, user and system. */
  readonly cpuMs: number | null;
}

/** USER_HZ, which is 100 on every architecture that Node runs on (proc(5)). */
const MS_PER_TICK = 10;

export function usageOf(pid: number): Usage {
  if (process.platform !== 'linux') return { rssBytes: null, cpuMs: null };
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may have spaces: fields are counted from behind it, where `state` is the third of all.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return {
    rssBytes: resident ? Number(resident[1]) * 1024 : null,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
  };
}
