import { fileErrors } from './errors.ts';

const KEY = /^([0-9a-f]{2})\/([0-9a-f]{2})\/(\1\2[0-9a-f]{60})$/;

/** Returns a path with two levels of 256 folders: ten million files are about 150 in each folder. */
export function keyOf(sha256: string): string {
  return `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
}

/** Returns a key that cannot leave the folder of the store. @throws FILES_INVALID_KEY */
export function checkKey(key: string): string {
  if (!KEY.test(key)) throw fileErrors.INVALID_KEY({ key });
  return key;
}
