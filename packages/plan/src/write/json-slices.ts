/**
 * Numbers are not parsed, so each keeps all its digits. JSON.parse must have accepted the text, because nothing is
 * checked here.
 */

export function sliceArray(text: string): string[] {
  return cut(text, text.indexOf('[') + 1);
}

/** Returns the texts of an object's values by key; the last of duplicate keys counts, as in JSON.parse. */
export function sliceObject(text: string): Map<string, string> {
  const members = new Map<string, string>();
  for (const member of cut(text, text.indexOf('{') + 1)) {
    const end = stringEnd(member, 0);
    const colon = member.indexOf(':', end);
    members.set(JSON.parse(member.slice(0, end)) as string, member.slice(colon + 1).trim());
  }
  return members;
}

/** Returns the parts between commas, from `at` to the bracket that closes the whole. */
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

function stringEnd(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i += 1;
    else if (code === 0x22) return i + 1;
  }
  return text.length;
}
