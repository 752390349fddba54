/** Runs a stack in a process of its own, for tests that kill that process. Uses dist/, as any other package does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { createInterface } from 'node:readline';

const ENTRY = new URL('../dist/index.js', import.meta.url).href;

export interface Other {
  child: ChildProcess;
  /** The values that the script passes to `say`. */
  said: Promise<Record<string, unknown>>;
  exited: Promise<number | null>;
}

/** `body` is a module that has `stack` (the package's exports) and `say(value)`. */
export function runElsewhere(body: string, env: Record<string, string> = {}): Other {
  const head = `const stack = await import(${JSON.stringify(ENTRY)}); const say = (v) => console.log(JSON.stringify(v));`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${head}\n${body}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    // Without tap's loaders, which would take a second each time.
    env: { ...process.env, NODE_OPTIONS: '', TIDEMARK_TEST_STACK: '', ...env },
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const said = new Promise<Record<string, unknown>>((resolve, reject) => {
    createInterface({ input: child.stdout! }).once('line', (line) => resolve(JSON.parse(line)));
    void exited.then((code) => reject(new Error(`it ended with ${code} and said nothing`)));
  });
  return { child, said, exited };
}

/** The processes whose working folder is in `folder`: guards, servers and backends alike (Linux). */
export function processesUnder(folder: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return Number.isInteger(pid) && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
      } catch {
        return false; // The process has ended meanwhile.
      }
    });
}
