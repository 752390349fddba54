import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';

const LINUX = process.platform === 'linux';

interface Entry {
  pid: number;
  parent: number;
}

/** Returns whether a process exists; a zombie does not count. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return !LINUX || statOf(pid)?.state !== 'Z';
}

/** Returns whether all threads of a process are stopped (SIGSTOP); they stop one by one. */
export function isStopped(pid: number): boolean {
  if (!LINUX) return run('ps', ['-p', String(pid), '-o', 'state=']).startsWith('T');
  try {
    return readdirSync(`/proc/${pid}/task`).every((task) => 'Tt'.includes(statOf(`${pid}/task/${task}`)?.state ?? 'T'));
  } catch {
    return false;
  }
}

export function processTree(pid: number): number[] {
  const all = listAll();
  const tree = [pid];
  for (const member of tree) {
    for (const entry of all) if (entry.parent === member) tree.push(entry.pid);
  }
  return tree;
}

export function signalAll(pids: number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** Returns a value that differs between two processes with the same id; undefined when there is no such process. */
export function startTime(pid: number): string | undefined {
  if (LINUX) return statOf(pid)?.started;
  return run('ps', ['-p', String(pid), '-o', 'lstart=']).trim() || undefined;
}

export function commandLine(pid: number): string {
  if (!LINUX) return run('ps', ['-p', String(pid), '-o', 'command=']).trim();
  return argumentsOf(pid).join(' ').trim();
}

/**
 * Postgres and our NATS make their data folder the working folder, so this finds leftovers of an earlier run,
 * orphaned backends included. In a container without CAP_SYS_PTRACE the folder of another user's process is hidden;
 * then its arguments decide.
 */
export function processesIn(folder: string, name: string): number[] {
  if (!LINUX) return parseLsof(run('lsof', ['-a', '-c', name, '-d', 'cwd', '-Fpn']), folder);
  const own = listAll().map((entry) => entry.pid);
  return own.filter((pid) => {
    const cwd = readLink(`/proc/${pid}/cwd`);
    if (cwd !== undefined) return cwd === folder && executableName(pid) === name;
    const args = argumentsOf(pid);
    const within = (value: string) => value === folder || value.startsWith(`${folder}/`);
    return basename(args[0] ?? '') === name && args.some(within);
  });
}

function executableName(pid: number): string {
  // The kernel appends " (deleted)" when the programs were installed again under a running server.
  return basename(readLink(`/proc/${pid}/exe`) ?? '').replace(/ \(deleted\)$/, '');
}

function parseLsof(output: string, folder: string): number[] {
  const pids: number[] = [];
  let pid = 0;
  for (const line of output.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    else if (line === `n${folder}`) pids.push(pid);
  }
  return pids;
}

function listAll(): Entry[] {
  if (LINUX) {
    const entries: Entry[] = [];
    for (const name of readdirSync('/proc')) {
      const pid = Number(name);
      const stat = Number.isInteger(pid) ? statOf(pid) : undefined;
      if (stat) entries.push({ pid, parent: stat.parent });
    }
    return entries;
  }
  const rows = run('ps', ['-A', '-o', 'pid=,ppid=']).trim().split('\n');
  return rows.map((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return { pid: pid ?? 0, parent: parent ?? 0 };
  });
}

/** Fields of /proc/<pid>/stat (proc(5)); the name in parentheses may hold spaces, so counting starts after it. */
function statOf(place: number | string): { state: string; parent: number; started: string } | undefined {
  try {
    const text = readFileSync(`/proc/${place}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), started: fields[19] ?? '' };
  } catch {
    return undefined; // The process has ended meanwhile.
  }
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // The process has ended meanwhile.
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined; // The process has ended, or is hidden from us.
  }
}

function run(command: string, args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch (error) {
    // ps and lsof exit with 1 when nothing matched; their output is valid all the same.
    return String((error as { stdout?: unknown }).stdout ?? '');
  }
}
