import { chmod, readFile, rename, writeFile } from 'node:fs/promises';

export const SECRET_MODE = 0o600;

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

/** A crash leaves no half file. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: SECRET_MODE });
  // A file that an earlier crash left keeps its mode.
  await chmod(`${path}.new`, SECRET_MODE);
  await rename(`${path}.new`, path);
}
