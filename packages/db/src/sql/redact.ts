/**
 * Removes the values from a statement's text. pg_stat_statements replaces the constants of queries by `$1`, but not those of every
 * utility statement (`alter role … password '…'`), and keeps comments, in which applications put identifiers of users.
 */

/** Longer texts are cut: their beginning tells which statement it is. */
export const MAX_STATEMENT_LENGTH = 2_000;

/**
 * Alternatives in order: comments; dollar-quoted bodies; quoted identifiers (kept); strings with their prefix; `$1` and words, which may
 * hold digits (kept); numbers. An unclosed quote or comment, as cutting the text leaves it, runs to the end.
 */
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
