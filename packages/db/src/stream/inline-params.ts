/** COPY takes no parameters. Postgres infers an untyped literal's type from its place, as it does for a parameter. */
import { errors } from '../errors.ts';
import { encodeStatement } from '../sql/param.ts';
import { literal } from '../sql/quote.ts';
import type { Statement } from '../types.ts';

/** Tokens in which `$1` is no parameter, as in Postgres's scanner (scan.l), or a parameter. */
const TOKEN =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|\$([A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$|--[^\r\n]*|\/\*|\$(\d+)|[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*|\d+/g;

/** @throws DB_INVALID_PARAMETER for a value with a zero byte, a parameter without a value, a text that does not end */
export function inlineParams(statement: Statement): string {
  const { text, params } = encodeStatement(statement);
  if (params.length === 0) return text;
  let written = '';
  let from = 0;
  TOKEN.lastIndex = 0;
  for (;;) {
    const match = TOKEN.exec(text);
    if (match === null) return written + text.slice(from);
    const [token, , number] = match;
    if (number !== undefined) {
      const index = Number(number) - 1;
      if (index < 0 || index >= params.length) {
        throw errors.INVALID_PARAMETER({ value: token, reason: `the statement has ${params.length}` });
      }
      const value = params[index] as string | null;
      // The blanks separate the value from a name or number beside it.
      written += `${text.slice(from, match.index)} ${value === null ? 'null' : literal(value)} `;
      from = TOKEN.lastIndex;
    } else if (token === '/*') TOKEN.lastIndex = endOfComment(text, TOKEN.lastIndex);
    else if (token.startsWith('$')) {
      const end = text.indexOf(token, TOKEN.lastIndex);
      TOKEN.lastIndex = end === -1 ? text.length : end + token.length;
    }
  }
}

function endOfComment(text: string, from: number): number {
  const mark = /\/\*|\*\//g;
  mark.lastIndex = from;
  for (let depth = 1; depth > 0; ) {
    const match = mark.exec(text);
    if (match === null) return text.length;
    depth += match[0] === '/*' ? 1 : -1;
  }
  return mark.lastIndex;
}
