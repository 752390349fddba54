/** Files with secrets: readable by their owner alone, and never half written. */
import { chmod, readFile, rename, writeFile } from 'node:fs/promises';

export const SECRET_MODE = 0o600;

/** The file's text, which `make` gives when there is no file yet. */
export async function readOrMake(path: string, make: () => Promise<string>): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    await chmod(path, SECRET_MODE);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = await make();
  await writeWhole(path, text);
  return text;
}

/** Renamed into place, so that a crash leaves no half file behind. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: SECRET_MODE });
  // A leftover of an earlier crash keeps the mode that it had.
  await chmod(`${path}.new`, SECRET_MODE);
  await rename(`${path}.new`, path);
}
