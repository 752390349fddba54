/** Removes secrets from what is logged or shown to operators. */
const HIDDEN = '***';

const JWT = /\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g;
/** `Authorization: Bearer …`, with a blank, `+` or `%20` before the credentials. */
const SCHEME = /\b(bearer|basic)(\s+|\+|%20)[^\s"'\\,;&]+/gi;
/** Query strings, fragments, forms and cookies: `apikey=…`, `#token=…`. */
const PARAMETER =
  /\b((?:apikey|api_key|token|access_token|refresh_token|id_token|jwt|secret|client_secret|password|signature)(?:=|%3D))[^\s"'\\&#;,]+/gi;
/** JSON fields and printed objects, also inside a JSON string, where a backslash precedes each quote. */
const FIELD =
  /((?:\\*["'])(?:authorization|proxy-authorization|apikey|cookie|set-cookie|token|access_token|refresh_token|password|secret)(?:\\*["'])\s*:\s*(?:\\*["']))[^"'\\]+/gi;
/** `postgres://user:password@host`; in NATS URLs the user may be a token. */
const URL_PASSWORD = /(\/\/[^\s:@/"'\\]*:)[^\s/"'\\]+(?=@)/g;
const NATS_TOKEN = /(\bnats:\/\/)[^\s:@/"'\\]+(?=@)/g;

/**
 * The logger passes each whole line through this, so that no caller can forget it. JSON stays valid, since quotes and
 * backslashes are kept.
 */
export function redact(text: string): string {
  return text
    .replace(JWT, HIDDEN)
    .replace(SCHEME, `$1$2${HIDDEN}`)
    .replace(PARAMETER, `$1${HIDDEN}`)
    .replace(FIELD, `$1${HIDDEN}`)
    .replace(URL_PASSWORD, `$1${HIDDEN}`)
    .replace(NATS_TOKEN, `$1${HIDDEN}`);
}

const MAX_URL_LENGTH = 200;

/**
 * Returns one URL, or several with commas, for an error message. Everything from the first `://` to the last `@` is
 * hidden: a password that is not percent-encoded may contain any character, and a user name may be a token.
 */
export function redactUrl(text: string): string {
  return redact(text.replace(/^([a-z][a-z0-9+.-]*:\/\/)?.*@/is, `$1${HIDDEN}@`)).slice(0, MAX_URL_LENGTH);
}

/** Longer texts are cut: their beginning tells which statement it is. */
export const MAX_STATEMENT_LENGTH = 2_000;

/** It matches comments, dollar quotes, names, strings, `$1` and words, numbers; unclosed ones run to the end. */
const TOKENS =
  /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(\$[A-Za-z_]*\$)[\s\S]*?(?:\1|$)|("(?:[^"]|"")*(?:"|$))|[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)|(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*(?:'|$)|(\$\d+|[\p{L}_][\p{L}\p{N}_$]*)|\d+(?:[\d_.]|[eE][+-]?\d)*/gu;

/** Returns the statement without values and comments: pg_stat_statements keeps some, as in `alter role … password '…'`. */
export function redactStatement(text: string): string {
  return withoutValues(text.slice(0, MAX_STATEMENT_LENGTH));
}

/**
 * Returns the whole statement without values, comments and the numbers of its parameters: equal for the text that was
 * sent and the one that pg_stat_statements keeps of it, where each constant is a parameter.
 */
export function statementShape(text: string): string {
  return (
    withoutValues(text)
      .replace(/\$\d+|\b(?:null|true|false)\b/gi, '?')
      // The sign belongs to the constant: `-7` becomes `$1`.
      .replace(/-\s*\?/g, '?')
      .replace(/;$/, '')
      .trimEnd()
  );
}

function withoutValues(text: string): string {
  return text
    .replace(TOKENS, (token, _tag, quoted: string | undefined, word: string | undefined) => {
      if (quoted !== undefined || word !== undefined) return token;
      if (token.startsWith('--') || token.startsWith('/*')) return ' ';
      return '?';
    })
    .replace(/\s+/g, ' ')
    .trim();
}
