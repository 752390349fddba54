/** Runs a module as a process of its own, with its standard output and error going to a file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGE = join(import.meta.dirname, '..');

/** @returns its exit code */
export async function runScript(source: string, output: string): Promise<number | null> {
  const fd = openSync(output, 'w');
  const args = [...process.execArgv, '--input-type=module', '--eval', source.replaceAll('./src/', `${PACKAGE}/src/`)];
  const child = spawn(process.execPath, args, { cwd: PACKAGE, stdio: ['ignore', fd, fd] });
  closeSync(fd);
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}
