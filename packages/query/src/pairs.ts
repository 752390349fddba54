import type { Pair } from './ast.ts';
import { errors } from './errors.ts';
import { LIMITS, type Limits } from './limits.ts';

const LONE_SURROGATE = /\p{Surrogate}/u;

/** `+` is a space. A `%` without two hexadecimal digits stays as it is, so that a handwritten `like.50%` works. */
export function readPairs(search: string, limits: Limits = LIMITS): Pair[] {
  if (search.length > limits.queryLength) {
    throw errors.TOO_LONG({ received: search.length, limit: limits.queryLength });
  }
  const pairs: Pair[] = [];
  let start = search.startsWith('?') ? 1 : 0;
  while (start < search.length) {
    let end = search.indexOf('&', start);
    if (end === -1) end = search.length;
    if (end > start) {
      if (pairs.length === limits.pairs) throw errors.TOO_COMPLEX({ limit: 'pairs', max: limits.pairs });
      const piece = search.slice(start, end);
      const equals = piece.indexOf('=');
      const key = decode(equals === -1 ? piece : piece.slice(0, equals), piece);
      pairs.push(Object.freeze([key, equals === -1 ? '' : decode(piece.slice(equals + 1), key)] as const));
    }
    start = end + 1;
  }
  return pairs;
}

function decode(text: string, key: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  let decoded = spaced;
  if (spaced.includes('%')) {
    try {
      decoded = decodeURIComponent(spaced.replace(/%(?![0-9a-f]{2})/gi, '%25'));
    } catch (cause) {
      throw errors.BAD_TEXT({ key, problem: 'bytes that are not UTF-8' }, { cause });
    }
  }
  if (decoded.includes('\0')) throw errors.BAD_TEXT({ key, problem: 'a NUL character' });
  if (LONE_SURROGATE.test(decoded)) throw errors.BAD_TEXT({ key, problem: 'half a surrogate pair' });
  return decoded;
}
