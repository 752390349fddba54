/**
 * Loads a TypeScript module by putting spaces where its types are: lines and columns stay as they are, so no source map is
 * needed. Each module's result is kept on the disk, and the compiler is loaded only when there is something new.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KEPT } from './kept.js';

/** To be raised when what is made of a module changes. */
const VERSION = 1;

export async function load(url, context, nextLoad) {
  if (!url.startsWith('file:') || !/\.ts($|\?)/.test(url)) return nextLoad(url, context);
  const path = fileURLToPath(url);
  return { format: 'module', source: await stripped(path, await readFile(path, 'utf8')), shortCircuit: true };
}

/** The module without its types, as it was kept or made anew. */
export async function stripped(path, source) {
  // This is the last line, so that the numbers of the others do not change.
  const mark = `\n// ${hash(`${VERSION} ${source}`)}`;
  const file = keptAt(path);
  const kept = await read(file);
  if (kept?.endsWith(mark)) return kept;
  const { default: blankSpace } = await import('ts-blank-space');
  const made = blankSpace(source, (node) => {
    throw new SyntaxError(
      `${path} has TypeScript that is more than types: ${source.slice(node.pos, node.end).trim().slice(0, 80)}`,
    );
  });
  await keep(file, made + mark);
  return made + mark;
}

export const keptAt = (path) => join(KEPT, hash(path));

const hash = (text) => createHash('sha256').update(text).digest('hex').slice(0, 32);

async function read(file) {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Whole or not at all: other processes read at the same time. */
async function keep(file, text) {
  await mkdir(KEPT, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, text);
  await rename(fresh, file);
}
