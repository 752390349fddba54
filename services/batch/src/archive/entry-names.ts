/** Names in an archive are safe on every system: relative, without control or reserved characters, and unique ignoring case. */

/** Control characters, those that turn the direction of text, and those that Windows refuses in names. */
const FORBIDDEN = /[\p{Cc}\p{Bidi_Control}\p{Surrogate}<>:"\\|?*]/gu;
/** Windows takes these for devices, with any extension. https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
/** Bytes of a part of a name: most file systems allow 255, and a number may be added. */
const MAX_PART_BYTES = 200;
const MAX_PARTS = 32;

export interface EntryNames {
  /** Returns a safe name that no earlier call has returned, in any case. */
  next(path: string): string;
}

export function createEntryNames(reserved: readonly string[] = []): EntryNames {
  const files = new Set(reserved.map(keyOf));
  const folders = new Set<string>();
  /** The number to try next, so that 10,000 files of one name take 10,000 steps. */
  const numbers = new Map<string, number>();

  function folderOf(parts: string[]): string {
    let folder = '';
    for (const part of parts) {
      let name = `${folder}${part}`;
      // A file may have the name of the folder.
      while (files.has(keyOf(name))) name += '_';
      folders.add(keyOf(name));
      folder = `${name}/`;
    }
    return folder;
  }

  return {
    next(path) {
      const parts = safeParts(path);
      const last = parts.pop()!;
      const folder = folderOf(parts);
      const dot = last.lastIndexOf('.');
      const [stem, extension] = dot > 0 ? [last.slice(0, dot), last.slice(dot)] : [last, ''];
      const first = keyOf(folder + last);
      let number = numbers.get(first) ?? 1;
      let name = folder + last;
      while (files.has(keyOf(name)) || folders.has(keyOf(name))) {
        number += 1;
        name = `${folder}${stem} (${number})${extension}`;
      }
      if (number > 1) numbers.set(first, number);
      files.add(keyOf(name));
      return name;
    },
  };
}

/** Some systems compare names by case and normal form, others do not. */
const keyOf = (name: string) => name.normalize('NFC').toUpperCase().toLowerCase();

function safeParts(path: string): string[] {
  const parts = path
    .normalize('NFC')
    .split('/')
    .map(safePart)
    .filter((part) => part !== '');
  const deep = parts.length > MAX_PARTS ? [...parts.slice(0, MAX_PARTS - 1), parts.at(-1)!] : parts;
  return deep.length > 0 ? deep : ['file'];
}

function safePart(part: string): string {
  // Windows drops dots and blanks at the end, so that `..` and `. .` are gone, too.
  const clean = part
    .replace(FORBIDDEN, '_')
    .trim()
    .replace(/[. ]+$/, '');
  const cut = cutBytes(clean);
  return DEVICE.test(cut) ? `_${cut}` : cut;
}

function cutBytes(part: string): string {
  if (Buffer.byteLength(part) <= MAX_PART_BYTES) return part;
  const extension = /\.[\w-]{1,16}$/.exec(part)?.[0] ?? '';
  const stem = Buffer.from(part.slice(0, part.length - extension.length));
  const kept = stem
    .subarray(0, MAX_PART_BYTES - extension.length)
    .toString()
    .replace(/\ufffd+$/, '');
  return kept + extension;
}
