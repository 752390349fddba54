/** The rules of a collation; `unknown` stands for libc and ICU rules, which only Postgres can apply. */
export type CollationKind = 'c' | 'c-utf8' | 'unknown';

const C: ReadonlySet<string> = new Set(['C', 'POSIX']);
/** These collations order by code point, as C does, and fold case by Unicode's simple mappings. */
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

/** Surrogates represent code points above all other 16-bit units. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

export type Fold = (text: string) => string;

/** Returns the lower-casing function of `ilike`, or null if only Postgres can apply the collation. */
export function lowerFold(collation: CollationKind): Fold | null {
  if (collation === 'c') return asciiLower;
  return collation === 'c-utf8' ? simpleLower : null;
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

/**
 * JavaScript's toLowerCase differs from the simple mapping for two characters only. Replacing both first allows a
 * native conversion of the whole text: 2 ns a character instead of 100.
 */
function simpleLower(text: string): string {
  return text.replaceAll('\u0130', 'i').replaceAll('\u03a3', '\u03c3').toLowerCase();
}

/** Unicode's simple mapping: U+0130 is the only character whose full lower case has more than one character. */
export function lowerOf(character: string): string {
  return character === '\u0130' ? 'i' : character.toLowerCase();
}

/** Unicode's simple mapping: a character whose full upper case has several characters (ß) maps to itself. */
export function upperOf(character: string): string {
  const upper = character.toUpperCase();
  return upper.length > character.length && [...upper].length > 1 ? character : upper;
}
