/**
 * Tells whether a statement's text was sent before, not long ago: only what repeats is worth its place in a backend's memory.
 *
 * A table of fixed size (32 KB a pool) with a fingerprint of 32 bits in each place. A new text takes the place of an older one, so
 * that the table remembers about as many distinct texts as it has places. Two texts with one fingerprint are taken for one: the
 * second is then prepared at its first run, within the same budget.
 */
const PLACES = 8_192;
/** FNV-1a, 32 bits. */
const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

export class RecentTexts {
  readonly #fingerprints = new Uint32Array(PLACES);

  /** Remembers the text. True when it was remembered already. */
  repeats(text: string): boolean {
    const fingerprint = fingerprintOf(text);
    const place = fingerprint % PLACES;
    if (this.#fingerprints[place] === fingerprint) return true;
    this.#fingerprints[place] = fingerprint;
    return false;
  }
}

/** Never 0, which marks a free place. */
function fingerprintOf(text: string): number {
  let hash = OFFSET;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash >>> 0 || 1;
}
