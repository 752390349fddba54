import { readFile } from 'node:fs/promises';
import { blueprintNamed } from './blueprints.ts';

/** @throws BLUEPRINT_UNKNOWN */
export function readmeOf(name: string): Promise<string> {
  return readFile(new URL(`../${blueprintNamed(name).name}/README.md`, import.meta.url), 'utf8');
}
