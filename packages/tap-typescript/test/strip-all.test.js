import { execFile } from 'node:child_process';
import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { keptAt, stripped } from '../src/strip.js';

const STRIP_ALL = join(import.meta.dirname, '..', 'src', 'strip-all.js');
const contracts = join(import.meta.dirname, '..', '..', 'contracts');

t.test('whatever a test may load is there without its types beforehand', async (t) => {
  const missing = join(contracts, 'src', 'tidemark.ts');
  const there = join(contracts, 'src', 'live.ts');
  await stripped(there, await readFile(there, 'utf8'));
  const before = await stat(keptAt(there));
  await rm(keptAt(missing), { force: true });
  await promisify(execFile)(process.execPath, [STRIP_ALL]);
  t.match(await readFile(keptAt(missing), 'utf8'), /export function parseTidemark\(text +\)/);
  t.equal((await stat(keptAt(there))).mtimeMs, before.mtimeMs, 'what is there is not made again');
});
