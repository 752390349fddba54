import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { errors } from './errors.ts';
import { commandLine } from './running-processes.ts';

/** These ports may not be in use yet; no two servers must get the same one. */
const given = new Set<number>();
/** The oldest are forgotten. */
const GIVEN_LIMIT = 512;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = await tryListen(0);
    if (typeof port !== 'number') throw port;
    if (given.has(port)) continue;
    given.add(port);
    if (given.size > GIVEN_LIMIT) for (const oldest of given) if (given.delete(oldest)) break;
    return port;
  }
}

/** Below the range of ports for outgoing connections, which could take a port before it is used. */
const MIN_PORT = 20_000;
const MAX_PORT = 32_000;

export async function freePorts(count: number): Promise<number> {
  for (;;) {
    const first = MIN_PORT + Math.floor(Math.random() * (MAX_PORT - MIN_PORT));
    const results = await Promise.all(Array.from({ length: count }, (_, n) => tryListen(first + n)));
    if (results.every((result) => typeof result === 'number')) return first;
  }
}

export async function assertPortFree(port: number, what: string): Promise<void> {
  const result = await tryListen(port);
  if (typeof result === 'number') return;
  throw errors.PORT_IN_USE({ what, port, holder: portHolder(port) }, { cause: result });
}

function tryListen(port: number): Promise<number | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const taken = typeof address === 'object' && address ? address.port : port;
      server.close(() => resolve(taken));
    });
  });
}

/** The text is empty for processes of other users. */
export function portHolder(port: number): string {
  const pid = process.platform === 'linux' ? holderFromProc(port) : holderFromLsof(port);
  return pid ? `process ${pid} (${commandLine(pid).slice(0, 120) || 'unknown'})` : '';
}

function holderFromLsof(port: number): number | undefined {
  try {
    const args = ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fp'];
    const output = execFileSync('lsof', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return Number(/^p(\d+)/m.exec(output)?.[1]) || undefined;
  } catch {
    return undefined; // lsof exits with 1 when it may not see the process.
  }
}

/** The socket's inode from /proc/net/tcp (state 0A is LISTEN), then the process that has it open. */
function holderFromProc(port: number): number | undefined {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readTable(table)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(wanted) && fields[3] === '0A' && fields[9]) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  return readdirSync('/proc')
    .map(Number)
    .find((pid) => Number.isInteger(pid) && openFiles(pid).some((target) => inodes.has(target)));
}

function readTable(path: string): string[] {
  try {
    return readFileSync(path, 'latin1').split('\n');
  } catch {
    return []; // There is no IPv6, or no /proc in this sandbox.
  }
}

function openFiles(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return []; // The descriptor has been closed meanwhile.
      }
    });
  } catch {
    return []; // The process has ended, or belongs to another user.
  }
}
