/** The values are removed: pg_stat_statements keeps some, as in `alter role … password '…'`, and all comments. */

/** Longer texts are cut: their beginning tells which statement it is. */
export const MAX_STATEMENT_LENGTH = 2_000;

/** It matches comments, dollar quotes, names, strings, `$1` and words, numbers; unclosed ones run to the end. */
const TOKENS =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(\$[A-Za-z_]*\$)[\s\S]*?(?:\1|$)|("(?:[^"]|"")*(?:"|$))|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|(\$\d+|[\p{L}_][\p{L}\p{N}_$]*)|\d+(?:[\d_.]|[eE][+-]?\d)*/gu;

export function redactStatement(text: string): string {
  return text
    .slice(0, MAX_STATEMENT_LENGTH)
    .replace(TOKENS, (token, _tag, quoted: string | undefined, word: string | undefined) => {
      if (quoted !== undefined || word !== undefined) return token;
      if (token.startsWith('--') || token.startsWith('/*')) return ' ';
      return '?';
    })
    .replace(/\s+/g, ' ')
    .trim();
}
