/** Finds and reads the files of infra/. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const infra = (name: string): string => fileURLToPath(new URL(`../../../../infra/${name}`, import.meta.url));
export const readInfra = (name: string): string => readFileSync(infra(name), 'utf8');
