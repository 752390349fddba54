/** Source: PostgreSQL documentation, "Array Input and Output Syntax" and "Composite Type Input and Output Syntax". */
import { errors } from '../errors.ts';

export type ArrayElement = string | null | ArrayElement[];

/** `[0:1]={a,b}` loses its bounds, as in JSON. The delimiter is `;` for box and `,` for all other built-in types. */
export function parseArrayLiteral(text: string, delimiter = ','): ArrayElement[] {
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0;

  function list(): ArrayElement[] {
    const elements: ArrayElement[] = [];
    at += 1; // {
    if (text[at] === '}') {
      at += 1;
      return elements;
    }
    for (;;) {
      elements.push(element());
      const next = text[at];
      at += 1;
      if (next === '}') return elements;
      if (next !== delimiter) throw errors.LITERAL_UNREADABLE({ kind: 'array', text });
    }
  }

  function element(): ArrayElement {
    if (text[at] === '{') return list();
    if (text[at] === '"') return quoted();
    const start = at;
    let value = '';
    let from = at;
    while (at < text.length && text[at] !== delimiter && text[at] !== '}') {
      if (text[at] === '\\') {
        value += text.slice(from, at);
        from = at + 1;
        at += 1;
      }
      at += 1;
    }
    value += text.slice(from, at);
    return value === 'NULL' && text.slice(start, at) === 'NULL' ? null : value;
  }

  function quoted(): string {
    let value = '';
    let from = at + 1;
    for (at += 1; at < text.length; at += 1) {
      const char = text[at];
      if (char === '\\') {
        value += text.slice(from, at);
        at += 1;
        from = at;
      } else if (char === '"') {
        value += text.slice(from, at);
        at += 1;
        return value;
      }
    }
    throw errors.LITERAL_UNREADABLE({ kind: 'array', text });
  }

  if (text[at] !== '{') throw errors.LITERAL_UNREADABLE({ kind: 'array', text });
  return list();
}

/** Parses `(1,"a ""b""",)` into texts; an empty field is null. */
export function parseRowLiteral(text: string): (string | null)[] {
  if (!text.startsWith('(') || !text.endsWith(')')) throw errors.LITERAL_UNREADABLE({ kind: 'row', text });
  const fields: (string | null)[] = [];
  let at = 1;
  let value: string | null = null;
  let inQuotes = false;
  for (; at < text.length; at += 1) {
    const char = text[at] as string;
    if (inQuotes) {
      if (char === '\\') {
        at += 1;
        value = (value ?? '') + text[at];
      } else if (char !== '"') value = (value ?? '') + char;
      else if (text[at + 1] === '"') {
        value = `${value ?? ''}"`;
        at += 1;
      } else inQuotes = false;
    } else if (char === '"') {
      inQuotes = true;
      value ??= '';
    } else if (char === ',' || char === ')') {
      fields.push(value);
      value = null;
    } else if (char === '\\') {
      at += 1;
      value = (value ?? '') + text[at];
    } else value = (value ?? '') + char;
  }
  return fields;
}
