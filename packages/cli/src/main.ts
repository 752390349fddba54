#!/usr/bin/env node
import { explain, isExhausted } from '@tidemark/service';
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

try {
  process.exitCode = await run({
    args: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    print: (line) => process.stdout.write(`${line}\n`),
    untilSignal,
  });
} catch (error) {
  process.stderr.write(`\n${explain(error)}\n`);
  process.exitCode = 1;
}
