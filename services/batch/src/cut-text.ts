/** At most `max` UTF-16 units, never half a character, and no zero: Postgres's jsonb refuses both. */
export function cutText(text: string, max: number): string {
  return text
    .slice(0, max)
    .replace(/[\ud800-\udbff]$/, '')
    .replaceAll('\0', '');
}
