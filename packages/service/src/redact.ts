/**
 * The logger passes each whole line through this, so that no caller can forget it. JSON stays valid, since quotes and
 * backslashes are kept.
 */
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

export function redact(text: string): string {
  return text
    .replace(JWT, HIDDEN)
    .replace(SCHEME, `$1$2${HIDDEN}`)
    .replace(PARAMETER, `$1${HIDDEN}`)
    .replace(FIELD, `$1${HIDDEN}`)
    .replace(URL_PASSWORD, `$1${HIDDEN}`)
    .replace(NATS_TOKEN, `$1${HIDDEN}`);
}
