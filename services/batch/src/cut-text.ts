/** At most `max` UTF-16 units, never half a character, and no zero: Postgres's jsonb refuses both. */
export function cutText(text: string, max: number): string {
  return text
    .slice(0, max)
    .replace(/\p{Surrogate}/gu, '')
    .replaceAll('\0', '');
}
