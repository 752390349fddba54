/** `Accept-Encoding` → the coding of the answer (RFC 9110, 12.5.3). */

export type Coding = 'zstd' | 'br' | 'gzip';

export interface Choice {
  /** The coding that the client likes best of those that we have; undefined: none of them, or none as well as the plain bytes. */
  readonly coding: Coding | undefined;
  /** Whether it takes the plain bytes at all: not after `identity;q=0`. */
  readonly plain: boolean;
  accepts(coding: Coding): boolean;
}

/** Clients send a handful of different ones; what comes after so many is parsed each time. */
const MAX_KNOWN = 200;
/** A header of more is not an honest one, and its parts are not looked at. */
const MAX_CHARACTERS = 512;
const WEIGHT = /^q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/i;

/** `available`: best first, which decides between equal weights. */
export function encodingChooser(available: readonly Coding[]): (header: string) => Choice {
  const known = new Map<string, Choice>();
  return (header) => {
    const found = known.get(header);
    if (found) return found;
    const choice = choose(header, available);
    if (known.size < MAX_KNOWN) known.set(header, choice);
    return choice;
  };
}

function choose(header: string, available: readonly Coding[]): Choice {
  const weights = new Map<string, number>();
  if (header.length <= MAX_CHARACTERS) {
    for (const part of header.split(',')) {
      const [name = '', ...params] = part.split(';').map((text) => text.trim());
      if (name === '') continue;
      const [weight] = params;
      // What cannot be read is not wished for.
      const q = weight === undefined ? 1 : Number(WEIGHT.exec(weight)?.[1] ?? 0);
      const coding = name.toLowerCase();
      weights.set(coding === 'x-gzip' ? 'gzip' : coding, q);
    }
  }
  const others = weights.get('*') ?? 0;
  const weightOf = (coding: string) => weights.get(coding) ?? others;
  let best: Coding | undefined;
  for (const coding of available) if (weightOf(coding) > (best === undefined ? 0 : weightOf(best))) best = coding;
  const identity = weights.get('identity');
  const preferred = best !== undefined && (identity === undefined || weightOf(best) >= identity);
  return {
    coding: preferred ? best : undefined,
    plain: identity === undefined ? weights.get('*') !== 0 : identity > 0,
    accepts: (coding) => weightOf(coding) > 0,
  };
}
