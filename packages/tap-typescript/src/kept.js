import { fileURLToPath } from 'node:url';

/** What is made once and kept: one file for each module. It goes with `node_modules`. */
export const KEPT = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url));
