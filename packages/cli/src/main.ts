#!/usr/bin/env node
import { explain, isExhausted } from '@tidemark/service/process';
import { run } from './commands.ts';

// Only the user of this command may read what it writes (tokens, passwords, logs).
process.umask(0o077);

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function untilSignal(): Promise<string> {
  return new Promise((resolve) => {
    let asked = 0;
    for (const signal of signals) {
      process.on(signal, () => {
        asked += 1;
        resolve(signal);
        if (asked === 1) process.stdout.write('\nstopping; press Ctrl-C twice more to give up waiting\n');
        // Children end with this process by themselves.
        if (asked > 2) process.exit(130);
      });
    }
  });
}

// A closed terminal, or a full disk behind standard output, must not end the servers.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});
process.on('uncaughtException', (error) => {
  process.stderr.write(`\n${explain(error)}\n`);
  // After any other error the state of this process is unknown.
  if (!isExhausted(error)) process.exit(70);
});

/** Whether the line under the cursor is one that the next line replaces. */
let isDrawn = false;
const erase = () => {
  const codes = isDrawn ? '\r\x1b[2K' : '';
  isDrawn = false;
  return codes;
};
const redraw = (line: string) => {
  // A longer line would wrap, and only its last part would be replaced.
  process.stdout.write(`${erase()}${line.slice(0, (process.stdout.columns || 80) - 1)}`);
  isDrawn = true;
};

try {
  process.exitCode = await run({
    args: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    print: (line) => process.stdout.write(`${erase()}${line}\n`),
    ...(process.stdout.isTTY ? { redraw } : {}),
    untilSignal,
  });
} catch (error) {
  process.stderr.write(`\n${explain(error)}\n`);
  process.exitCode = 1;
}
