import { fileErrors } from './errors.ts';

const KEY = /^([0-9a-f]{2})\/([0-9a-f]{2})\/(\1\2[0-9a-f]{60})$/;

/** Two levels of 256 folders: ten million files are some 150 in a folder. */
export function keyOf(sha256: string): string {
  return `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`;
}

/** Throws FILES_INVALID_KEY; what passes cannot climb out of the store's folder. */
export function checkKey(key: string): string {
  if (!KEY.test(key)) throw fileErrors.INVALID_KEY({ key });
  return key;
}
