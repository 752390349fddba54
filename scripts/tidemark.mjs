#!/usr/bin/env node
/** `npx --no -- tidemark <command>` in a clone: builds the tree if necessary, then runs the command with the home of the clone. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { prepareToRun, root } from './prepare.mjs';

const main = join(root, 'packages/cli/dist/main.js');

try {
  // Progress goes to standard error, because the output of a command may be redirected into a file.
  if (!existsSync(main)) await prepareToRun((line) => process.stderr.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}
process.env.TIDEMARK_HOME ||= join(root, '.tidemark');
await import(new URL(main, 'file:').href);
