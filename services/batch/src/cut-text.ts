/** Cuts a text at `max` UTF-16 units, never within a character, and removes zeros, which jsonb refuses. */
export function cutText(text: string, max: number): string {
  return text
    .slice(0, max)
    .replace(/\p{Surrogate}/gu, '')
    .replaceAll('\0', '');
}
