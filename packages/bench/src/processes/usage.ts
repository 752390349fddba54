/** Memory and processor time of another process, from Linux's /proc; null on other systems. */
import { readFileSync } from 'node:fs';

export interface Usage {
  readonly rssBytes: number | null;
  readonly cpuMs: number | null;
}

/** USER_HZ is 100 on every architecture that Node supports (proc(5)). */
const MS_PER_TICK = 10;

export function usageOf(pid: number): Usage {
  if (process.platform !== 'linux') return { rssBytes: null, cpuMs: null };
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name in parentheses may contain spaces. The first field after it, `state`, is the third of all.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return {
    rssBytes: resident ? Number(resident[1]) * 1024 : null,
    cpuMs: (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK,
  };
}
