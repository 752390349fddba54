/** Text as Postgres sees it: code points, and case folding by collation. */

/** How a collation compares and folds. `unknown` ones need Postgres (libc or ICU rules). */
export type CollationKind = 'c' | 'c-utf8' | 'unknown';

const C: ReadonlySet<string> = new Set(['C', 'POSIX']);
/** Ordered by code point like C; folds case by Unicode's simple mappings. */
const C_UTF8: ReadonlySet<string> = new Set(['C.UTF-8', 'C.utf8', 'C.UTF8', 'pg_c_utf8', 'PG_C_UTF8', 'ucs_basic']);

export function collationKind(name: string | undefined): CollationKind {
  if (name === undefined) return 'unknown';
  if (C.has(name)) return 'c';
  return C_UTF8.has(name) ? 'c-utf8' : 'unknown';
}

/** Orders by code point, which is the order of UTF-8 bytes; UTF-16 units differ from it above U+D7FF. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

/** Surrogates stand for code points above all others of 16 bits. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export type Fold = (text: string) => string;

/** Lower case for `ilike`, or null where only Postgres knows. */
export function lowerFold(collation: CollationKind): Fold | null {
  if (collation === 'c') return asciiLower;
  return collation === 'c-utf8' ? simpleLower : null;
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * Each code point on its own. JavaScript's toLowerCase differs from that for two characters alone: U+0130 becomes two
 * characters, and a sigma at the end of a word becomes another one. Both are replaced beforehand, so that the whole text is
 * folded natively: some 2 ns a character instead of 100, which counts for texts of megabytes.
 */
function simpleLower(text: string): string {
  return text.replaceAll('\u0130', 'i').replaceAll('\u03a3', '\u03c3').toLowerCase();
}

/** Unicode's simple mapping: U+0130 is the only character whose full lower case is longer than one. */
export function lowerOf(character: string): string {
  return character === '\u0130' ? 'i' : character.toLowerCase();
}

/** Unicode's simple mapping: where the full upper case is longer than one character (ß), there is none. */
export function upperOf(character: string): string {
  const upper = character.toUpperCase();
  return upper.length > character.length && [...upper].length > 1 ? character : upper;
}
