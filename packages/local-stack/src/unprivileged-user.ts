/** Finds the user that Postgres runs as instead of root, and the folders that this user can enter. */
import { execFileSync, spawnSync } from 'node:child_process';
import { userInfo } from 'node:os';
import { errors } from './errors.ts';

export interface User {
  name: string;
  uid: number;
  gid: number;
}

/** In order of preference: a user of its own, else one that every Unix has. */
const CANDIDATES = ['tidemark', 'nobody'];

let found: User | undefined;

/** Returns the user for the servers; undefined when the current user is not root. */
export function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  found ??= CANDIDATES.map(lookUpUser).find((user) => user !== undefined && user.uid !== 0);
  if (!found) throw errors.NO_UNPRIVILEGED_USER({ tried: CANDIDATES.join(', ') });
  return found;
}

/** Returns undefined when there is no user of that name. */
export function lookUpUser(name: string): User | undefined {
  const id = (flag: string) => Number(execFileSync('id', [flag, '--', name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { name, uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined; // `id` exits with 1 for a user that does not exist.
  }
}

/** Returns the name of the servers' user, for messages. */
export function serverUserName(): string {
  const user = unprivilegedUser();
  if (user) return user.name;
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.()); // Some container platforms use a user id without an account.
  }
}

/** Returns the spawn options for a child of this user, which must be able to enter the working folder. */
export function asUser(user: User | undefined): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {};
}

/** Returns whether `user` can enter `folder`. A process of that user tries, so that ACLs and mounts count, too. */
export function canEnter(user: User | undefined, folder: string): boolean {
  return shellTest(user, 'cd -- "$1"', folder);
}

/** Returns whether `user` can read `file`. */
export function canRead(user: User | undefined, file: string): boolean {
  return shellTest(user, 'test -r "$1"', file);
}

function shellTest(user: User | undefined, script: string, path: string): boolean {
  const result = spawnSync('/bin/sh', ['-c', script, 'sh', path], { ...asUser(user), cwd: '/', stdio: 'ignore' });
  return result.status === 0;
}
