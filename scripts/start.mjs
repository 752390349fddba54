/** `npm start`: prepares the tree, then runs `tidemark up` in this process. */
import { prepareToRun, root } from './prepare.mjs';

const PARENT_CHECK_MS = 500;

try {
  await prepareToRun((line) => process.stdout.write(`${line}\n`));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exit(1);
}

// npm runs this script in a shell that does not forward signals, so the script stops when the shell has ended.
const parent = process.ppid;
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM');
}, PARENT_CHECK_MS).unref();

process.argv.splice(2, 0, 'up');
process.chdir(root);
await import(new URL('../packages/cli/dist/main.js', import.meta.url).href);
