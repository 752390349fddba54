/**
 * The ports of the local stack's servers and of further instances. The home keeps them, so that an address that a person
 * has saved (psql, a dashboard) stays valid from start to start.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@tidemark/local-stack';
import { isFree } from './ports.ts';
import { writeWhole } from './secret-file.ts';

const PORTS_FILE = 'ports.json';
/** The servers of a run that was killed end within this time, ms. */
const ENDING_MS = 5_000;
const LOOK_EVERY_MS = 100;

export interface KeptPorts {
  readonly of: Readonly<Record<string, number>>;
  /** Call it when the servers run: a second start in the same home, which fails, must not change the file. */
  save(): Promise<void>;
}

/** Chooses a port for each name: the one of the start before, or another one if a process has taken it. */
export async function keptPorts(home: string, host: string, names: readonly string[]): Promise<KeptPorts> {
  const path = join(home, PORTS_FILE);
  const ports = await read(path);
  const usable = await Promise.all(names.map((name) => ports[name] !== undefined && becomesFree(host, ports[name])));
  for (const [index, name] of names.entries()) {
    if (!usable[index]) ports[name] = await another(host, Object.values(ports));
  }
  return { of: ports, save: () => writeWhole(path, `${JSON.stringify(ports, null, 2)}\n`) };
}

async function read(path: string): Promise<Record<string, number>> {
  try {
    const entries = Object.entries(JSON.parse(await readFile(path, 'utf8')) as object);
    return Object.fromEntries(entries.filter(([, port]) => Number.isInteger(port) && port > 0 && port < 65_536));
  } catch (error) {
    // Without the file, or with one that a person has damaged, the servers get new ports.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return {};
    throw error;
  }
}

async function becomesFree(host: string, port: number): Promise<boolean> {
  const deadline = performance.now() + ENDING_MS;
  while (!(await isFree(host, port))) {
    if (performance.now() > deadline) return false;
    await sleep(LOOK_EVERY_MS);
  }
  return true;
}

async function another(host: string, taken: readonly number[]): Promise<number> {
  for (;;) {
    const port = await freePorts(1);
    if (!taken.includes(port) && (await isFree(host, port))) return port;
  }
}
