/** Lists of entity tags in If-Match, If-None-Match and If-Range (RFC 9110, 8.8.3 and 13.1). */

/** `*`: any representation. Weak tags keep their `W/`. */
export type EtagList = '*' | readonly string[];

export function parseEtags(header: string): EtagList {
  return header.trim() === '*' ? '*' : (header.match(/(?:W\/)?"[^"]*"/g) ?? []);
}

/** The strong comparison of If-Match: a weak tag equals nothing. */
export const matchesStrongly = (list: EtagList, etags: readonly string[]): boolean =>
  etags.length > 0 && (list === '*' || list.some((tag) => etags.includes(tag)));

export const matchesWeakly = (list: EtagList, etags: readonly string[]): boolean =>
  etags.length > 0 && (list === '*' || list.some((tag) => etags.includes(tag.replace(/^W\//, ''))));
