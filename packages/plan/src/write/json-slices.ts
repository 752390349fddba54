/**
 * Cuts JSON text into its parts without reading them, so that a number keeps every digit on its way to Postgres.
 * The text must have been accepted by JSON.parse before: nothing is checked here.
 */

/** The texts of an array's elements, in order. */
export function sliceArray(text: string): string[] {
  return cut(text, text.indexOf('[') + 1);
}

/** The texts of an object's values by key; of a key that is given twice the last counts, as in JSON.parse. */
export function sliceObject(text: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const member of cut(text, text.indexOf('{') + 1)) {
    const end = stringEnd(member, 0);
    const colon = member.indexOf(':', end);
    members.set(JSON.parse(member.slice(0, end)) as string, member.slice(colon + 1).trim());
  }
  return members;
}

/** The parts between commas from `at` on, up to the bracket that closes the whole. */
function cut(text: string, at: number): string[] {
  const parts: string[] = [];
  let depth = 0;
  let begin = at;
  for (let i = at; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x22) i = stringEnd(text, i) - 1;
    else if (code === 0x5b || code === 0x7b) depth += 1;
    else if (code === 0x2c && depth === 0) {
      parts.push(text.slice(begin, i).trim());
      begin = i + 1;
    } else if (code === 0x5d || code === 0x7d) {
      depth -= 1;
      if (depth < 0) {
        const last = text.slice(begin, i).trim();
        if (last !== '') parts.push(last);
        return parts;
      }
    }
  }
  return parts;
}

/** The index behind the closing quote of the string that begins at `at`. */
function stringEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i += 1;
    else if (code === 0x22) return i + 1;
  }
  return text.length;
}
