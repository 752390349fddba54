/** Postgres's text form of a one-dimensional array: `{a,"b,c",NULL}`. */

/** Returns the elements, with null for an unquoted NULL; returns null if the text is not a one-dimensional array. */
export function parseArrayLiteral(text: string): (string | null)[] | null {
  const body = text.trim();
  if (!body.startsWith('{') || !body.endsWith('}')) return null;
  const end = body.length - 1;
  let at = skipBlanks(body, 1);
  if (at === end) return [];
  const items: (string | null)[] = [];
  for (;;) {
    const item = body[at] === '"' ? readQuoted(body, at + 1) : readPlain(body, at);
    if (!item) return null;
    items.push(item.value);
    at = skipBlanks(body, item.next);
    if (at === end) return items;
    if (at > end || body[at] !== ',') return null;
    at = skipBlanks(body, at + 1);
  }
}

interface Item {
  value: string | null;
  next: number;
}

function readQuoted(body: string, from: number): Item | null {
  let value = '';
  for (let i = from; i < body.length; i++) {
    const character = body[i]!;
    if (character === '"') return { value, next: i + 1 };
    value += character === '\\' ? (body[++i] ?? '') : character;
  }
  return null;
}

function readPlain(body: string, from: number): Item | null {
  let value = '';
  let i = from;
  let escaped = false;
  for (; i < body.length && body[i] !== ',' && body[i] !== '}'; i++) {
    const character = body[i]!;
    if (character === '{' || character === '"') return null;
    if (character === '\\') escaped = true;
    value += character === '\\' ? (body[++i] ?? '') : character;
  }
  // Spaces after an escape may belong to the value: only Postgres can decide.
  const trimmed = escaped ? value : value.trimEnd();
  if (trimmed === '' || (escaped && trimmed.trim() !== trimmed)) return null;
  return { value: !escaped && trimmed.toUpperCase() === 'NULL' ? null : trimmed, next: i };
}

function skipBlanks(body: string, from: number): number {
  let at = from;
  while (body[at] === ' ' || body[at] === '\t' || body[at] === '\n') at++;
  return at;
}
