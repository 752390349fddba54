/**
 * Takes secrets out of text that leaves the process in a log, on stderr or in a span: JSON Web Tokens wherever they stand,
 * credentials in headers, query strings, fragments, JSON fields and URLs. Every log line passes through here as a whole, so
 * that no caller can forget it. The text stays valid JSON: neither quotes nor backslashes are taken out.
 */
const HIDDEN = '***';

const JWT = /\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g;
/** `Authorization: Bearer …`, with a blank, `+` or `%20` before the credentials. */
const SCHEME = /\b(bearer|basic)(\s+|\+|%20)[^\s"'\\,;&]+/gi;
/** Query strings, fragments, forms and cookies: `apikey=…`, `#token=…`. */
const PARAMETER =
  /\b((?:apikey|api_key|token|access_token|refresh_token|id_token|jwt|secret|client_secret|password|signature)(?:=|%3D))[^\s"'\\&#;,]+/gi;
/** JSON fields and printed objects, also inside a JSON string, where each quote has a backslash. */
const FIELD =
  /((?:\\*["'])(?:authorization|proxy-authorization|apikey|cookie|set-cookie|token|access_token|refresh_token|password|secret)(?:\\*["'])\s*:\s*(?:\\*["']))[^"'\\]+/gi;
/** `postgres://user:password@host`; NATS also takes a token as the user. */
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
