/** Restricts the process before anything else: private files, and no root privileges. */
import { execFileSync } from 'node:child_process';

const PRIVATE = 0o077;

/** Switches to RUN_AS_USER permanently. Returns a warning if the process remains root without being told to. */
export function restrictProcess(runAsUser: string | undefined): string | undefined {
  process.umask(PRIVATE);
  if (process.getuid?.() !== 0 || runAsUser === 'root') return undefined;
  if (!runAsUser) {
    return 'WARNING: it runs as root, which it does not need: a fault in it would be one of the whole machine. Set RUN_AS_USER to an ordinary user, or start it as one; RUN_AS_USER=root hides this.';
  }
  becomeUser(runAsUser);
  return undefined;
}

function becomeUser(name: string): void {
  let gid: number;
  try {
    gid = Number(execFileSync('id', ['-g', '--', name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch (cause) {
    throw new Error(`RUN_AS_USER=${name}: there is no such user (\`id -g ${name}\` fails)`, { cause });
  }
  // The order matters: without root's user id, the groups can no longer be changed.
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(name);
  if (process.getuid?.() === 0) throw new Error(`RUN_AS_USER=${name}: it is root by another name`);
}
