/** Resident memory of a process and its descendants, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';

export function treeBytes(root: number): number {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (Number.isInteger(pid)) parents.set(pid, Number(/^PPid:\s+(\d+)/m.exec(statusOf(pid))?.[1] ?? 0));
  }
  let bytes = 0;
  for (const pid of parents.keys()) {
    let at: number | undefined = pid;
    while (at !== undefined && at > 1 && at !== root) at = parents.get(at);
    if (at === root) bytes += Number(/^VmRSS:\s+(\d+) kB/m.exec(statusOf(pid))?.[1] ?? 0) * 1_024;
  }
  return bytes;
}

/** Empty for a process that has ended meanwhile. */
function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    return '';
  }
}
