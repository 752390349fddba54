/**
 * Tells whether a text was sent not long ago: only texts that repeat are prepared. A table of fixed size (32 KB a
 * pool) holds 32-bit fingerprints; two texts with one fingerprint count as one, so the second is prepared early.
 */
const PLACES = 8_192;
/** FNV-1a, 32 bits. */
const OFFSET = 0x811c9dc5;
const PRIME = 0x01000193;

export class RecentTexts {
  readonly #fingerprints = new Uint32Array(PLACES);

  repeats(text: string): boolean {
    const fingerprint = fingerprintOf(text);
    const place = fingerprint % PLACES;
    if (this.#fingerprints[place] === fingerprint) return true;
    this.#fingerprints[place] = fingerprint;
    return false;
  }
}

function fingerprintOf(text: string): number {
  let hash = OFFSET;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash >>> 0 || 1;
}
