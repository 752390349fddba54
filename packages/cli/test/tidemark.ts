import { run } from '../src/commands.ts';

/** Runs a command of `tidemark` on a database and returns what it prints. Throws as the command does, and for an exit code above 0. */
export async function tidemark(url: string, ...args: string[]): Promise<string> {
  const lines: string[] = [];
  const code = await run({
    args,
    env: { DATABASE_URL: url },
    cwd: '/',
    print: (line) => lines.push(line),
    untilSignal: () => new Promise(() => {}),
  });
  if (code !== 0) throw new Error(`tidemark ${args.join(' ')} ended with code ${code}:\n${lines.join('\n')}`);
  return lines.join('\n');
}
