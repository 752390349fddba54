/** What a service does about its own process before anything else: files for itself alone, and no root's rights. */
import { execFileSync } from 'node:child_process';

/** Nobody else reads or enters what a service writes. */
const PRIVATE = 0o077;

/**
 * Sets the umask and, as root, becomes RUN_AS_USER for good.
 * @returns a warning for people, when it stays root unasked
 * @throws when the user does not exist
 */
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
  // In this order: without root's user id, groups could no longer be changed.
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(name);
  if (process.getuid?.() === 0) throw new Error(`RUN_AS_USER=${name}: it is root by another name`);
}
