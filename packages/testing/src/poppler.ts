/** Asks the programs of poppler what a PDF has on its pages. A test with poppler-utils is never skipped: a missing one is installed. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
const INSTALL = 'apt-get update && apt-get install -y --no-install-recommends poppler-utils';
const PROGRAMS = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin'];

function program(name: string): string {
  const find = () => PROGRAMS.map((folder) => `${folder}/${name}`).find(existsSync);
  if (!find() && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    execFileSync('/bin/sh', ['-c', INSTALL], {
      stdio: 'ignore',
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  }
  const found = find();
  if (!found) throw new Error(`this test needs ${name} of poppler. Run: sudo sh -c '${INSTALL}'`);
  return found;
}

/** Returns the text of each page: in the order that it was written, or with 'layout' as it looks. */
export async function pagesOfPdf(file: string, how: 'raw' | 'layout' = 'raw'): Promise<string[]> {
  const { stdout } = await run(program('pdftotext'), [`-${how}`, '-enc', 'UTF-8', file, '-'], { maxBuffer: 1e9 });
  return stdout.split('\f').slice(0, -1);
}

/** Returns the fonts of a PDF by the lines of pdffonts. */
export async function fontsOfPdf(file: string): Promise<string[]> {
  const { stdout } = await run(program('pdffonts'), [file]);
  return stdout.trim().split('\n').slice(2);
}

/** Returns a page as a PNG. */
export async function imageOfPdf(file: string, page: number, dpi = 50): Promise<Buffer> {
  const args = ['-png', '-r', String(dpi), '-f', String(page), '-l', String(page), file];
  const { stdout } = await run(program('pdftoppm'), args, { encoding: 'buffer', maxBuffer: 1e9 });
  return stdout;
}
