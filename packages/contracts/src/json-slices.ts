/** Finds the parts of well-formed JSON without parsing them, so that numbers keep their digits. */

export function skipValue(text: string, at: number): number {
  const char = text.charCodeAt(at);
  if (char === 0x22) return skipString(text, at);
  if (char !== 0x7b && char !== 0x5b) {
    let end = at;
    for (; end < text.length; end += 1) {
      const c = text.charCodeAt(end);
      if (c === 0x2c || c === 0x5d || c === 0x7d || c <= 0x20) break;
    }
    return end;
  }
  let depth = 0;
  for (let index = at; index < text.length; index += 1) {
    const c = text.charCodeAt(index);
    if (c === 0x22) index = skipString(text, index) - 1;
    else if (c === 0x7b || c === 0x5b) depth += 1;
    else if (c === 0x7d || c === 0x5d) {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  throw new SyntaxError('a JSON value without its end');
}

function skipString(text: string, at: number): number {
  let end = at;
  for (;;) {
    end = text.indexOf('"', end + 1);
    if (end < 0) throw new SyntaxError('a JSON string without its end');
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes += 1;
    if (backslashes % 2 === 0) return end + 1;
  }
}

function skipBlanks(text: string, at: number): number {
  let next = at;
  while (text.charCodeAt(next) <= 0x20) next += 1;
  return next;
}

/** Parses a name only where it has escapes: to parse each one took a quarter of the time of a change. */
const nameOf = (inner: string): string => (inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner);

/** `take` receives the index of a value and returns the index after it, as eachMember does for the whole object. */
export function eachMember(text: string, start: number, take: (name: string, at: number) => number): number {
  let at = skipBlanks(text, start);
  if (text.charCodeAt(at) !== 0x7b) throw new SyntaxError('not a JSON object');
  at = skipBlanks(text, at + 1);
  while (text.charCodeAt(at) !== 0x7d) {
    const nameEnd = skipString(text, at);
    const name = nameOf(text.slice(at + 1, nameEnd - 1));
    at = skipBlanks(text, take(name, skipBlanks(text, skipBlanks(text, nameEnd) + 1)));
    if (text.charCodeAt(at) === 0x2c) at = skipBlanks(text, at + 1);
    else if (text.charCodeAt(at) !== 0x7d) throw new SyntaxError('a JSON object without its end');
  }
  return at + 1;
}

export function eachElement(text: string, start: number, take: (at: number) => number): number {
  let at = skipBlanks(text, start);
  if (text.charCodeAt(at) !== 0x5b) throw new SyntaxError('not a JSON array');
  at = skipBlanks(text, at + 1);
  while (text.charCodeAt(at) !== 0x5d) {
    at = skipBlanks(text, take(at));
    if (text.charCodeAt(at) === 0x2c) at = skipBlanks(text, at + 1);
    else if (text.charCodeAt(at) !== 0x5d) throw new SyntaxError('a JSON array without its end');
  }
  return at + 1;
}

/** Returns the texts of an object's values by name; the last of duplicate names counts, as in JSON.parse. */
export function sliceObject(text: string): Map<string, string> {
  const found = new Map<string, string>();
  eachMember(text, 0, (name, at) => {
    const end = skipValue(text, at);
    found.set(name, text.slice(at, end));
    return end;
  });
  return found;
}

export function sliceArray(text: string): string[] {
  const found: string[] = [];
  eachElement(text, 0, (at) => {
    const end = skipValue(text, at);
    found.push(text.slice(at, end));
    return end;
  });
  return found;
}

/** Returns the same text for equal JSON: without blanks, members sorted by name, numbers as they are written. */
export function canonicalJson(json: string | ReadonlyMap<string, string>): string {
  if (typeof json !== 'string') {
    const members = [...json].sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${canonicalJson(value)}`).join()}}`;
  }
  const text = json.trim();
  if (text.startsWith('{')) return canonicalJson(sliceObject(text));
  if (text.startsWith('[')) return `[${sliceArray(text).map(canonicalJson).join()}]`;
  return text.startsWith('"') ? JSON.stringify(JSON.parse(text)) : text;
}
