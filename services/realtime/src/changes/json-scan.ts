/**
 * Finds the parts of a JSON text without parsing them, so that a number keeps its digits and a row can be passed on as it
 * came. For JSON that is known to be well-formed: the relay's, and Postgres's.
 */

/** The index behind the value that starts at `at`. */
export function skipValue(text: string, at: number): number {
  const char = text.charCodeAt(at);
  if (char === 0x22) return skipString(text, at);
  if (char !== 0x7b && char !== 0x5b) {
    let end = at;
    // Up to , ] } or a blank.
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

/** Names hardly ever have anything escaped, and to parse each was a quarter of what a change costs. */
const nameOf = (inner: string): string => (inner.includes('\\') ? (JSON.parse(`"${inner}"`) as string) : inner);

/**
 * Goes through the members of the object at `at`. `take` is told where a value starts, and says where it ends.
 * @returns the index behind the object. @throws SyntaxError
 */
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

/** The same for the elements of an array. */
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

/** The members of an object: name → the text of its value. */
export function members(text: string): Map<string, string> {
  const found = new Map<string, string>();
  eachMember(text, 0, (name, at) => {
    const end = skipValue(text, at);
    found.set(name, text.slice(at, end));
    return end;
  });
  return found;
}

/** The texts of an array's elements. */
export function elements(text: string): string[] {
  const found: string[] = [];
  eachElement(text, 0, (at) => {
    const end = skipValue(text, at);
    found.push(text.slice(at, end));
    return end;
  });
  return found;
}
