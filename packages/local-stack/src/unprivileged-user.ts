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

export function unprivilegedUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  found ??= CANDIDATES.map(lookUpUser).find((user) => user !== undefined && user.uid !== 0);
  if (!found) throw errors.NO_UNPRIVILEGED_USER({ tried: CANDIDATES.join(', ') });
  return found;
}

export function lookUpUser(name: string): User | undefined {
  const id = (flag: string) => Number(execFileSync('id', [flag, '--', name], { stdio: ['ignore', 'pipe', 'ignore'] }));
  try {
    return { name, uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined; // `id` exits with 1 for a user that does not exist.
  }
}

export function serverUserName(): string {
  const user = unprivilegedUser();
  if (user) return user.name;
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.()); // Some container platforms use a user id without an account.
  }
}

/** The user must be able to enter the working folder. */
export function asUser(user: User | undefined): { uid?: number; gid?: number } {
  return user ? { uid: user.uid, gid: user.gid } : {};
}

/** A process of that user tries, so that ACLs and mounts count, too. */
export function canEnter(user: User | undefined, folder: string): boolean {
  return shellTest(user, 'cd -- "$1"', folder);
}

export function canRead(user: User | undefined, file: string): boolean {
  return shellTest(user, 'test -r "$1"', file);
}

function shellTest(user: User | undefined, script: string, path: string): boolean {
  const result = spawnSync('/bin/sh', ['-c', script, 'sh', path], { ...asUser(user), cwd: '/', stdio: 'ignore' });
  return result.status === 0;
}
