/** Paths of files. They are names in a registry, never in a file system; names that a file system could misread are refused all the same. */
import { fileRequestErrors } from './errors.ts';

const MAX_CHARACTERS = 1_024;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function isFileId(text: string): boolean {
  return UUID.test(text);
}

export function checkPath(path: string): string {
  const refuse = (reason: string) => fileRequestErrors.PATH({ path, reason });
  if (path === '') throw refuse('it is empty');
  if ([...path].length > MAX_CHARACTERS) throw refuse(`it is longer than ${MAX_CHARACTERS} characters`);
  if (/\p{Surrogate}/u.test(path)) throw refuse('it is not Unicode');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression finds them.
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(path)) throw refuse('it has a control character');
  if (path.includes('\\')) throw refuse('it has a backslash');
  const names = path.split('/');
  if (names.includes('')) throw refuse('a name in it is empty');
  if (names.some((name) => name === '.' || name === '..')) throw refuse('"." and ".." are not names');
  if (isFileId(names[0] as string)) throw refuse('its first name reads like the id of a file');
  return path;
}
