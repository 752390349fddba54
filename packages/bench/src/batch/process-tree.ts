/** Memory and processor time of a process and its descendants, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { usageOf } from '../processes/usage.ts';

export interface TreeProcess {
  readonly pid: number;
  readonly command: string;
  readonly rssBytes: number;
  readonly cpuMs: number;
}

export function treeBytes(root: number): number {
  return treeOf(root).reduce((sum, { rssBytes }) => sum + rssBytes, 0);
}

/** Processes that end meanwhile are left out. */
export function treeOf(root: number): TreeProcess[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (Number.isInteger(pid)) parents.set(pid, Number(/^PPid:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? 0));
  }
  return [...parents.keys()].flatMap((pid) => {
    let at: number | undefined = pid;
    while (at !== undefined && at > 1 && at !== root) at = parents.get(at);
    if (at !== root) return [];
    try {
      const { rssBytes, cpuMs } = usageOf(pid);
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid, command, rssBytes: rssBytes ?? 0, cpuMs: cpuMs ?? 0 }];
    } catch {
      return [];
    }
  });
}

/** Empty for a process that has ended meanwhile. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
