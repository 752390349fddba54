/**
 * Parses the body of an SQL function that is stored as text, such as Supabase's `auth.uid()`. Only the common forms of reading claims
 * are understood; anything else is unknown. Names are those of built-in objects: the catalog returns a text only where that is certain
 * (catalog.ts).
 *
 *   body    ::=  select value [as name] [;]
 *   value   ::=  cast { (-> | ->>) cast }
 *   cast    ::=  primary { :: type }
 *   primary ::=  'text' | ( value ) | ( body ) | coalesce ( value , … ) | nullif ( value , value ) | current_setting ( 'name' [, bool] )
 */
import type { PolicyCatalog, SqlFunction } from './catalog.ts';
import { type Expression, settingOf, TYPES, UNKNOWN } from './expression.ts';

interface Typed {
  expression: Expression;
  type: number;
}

const TYPE_NAMES: Readonly<Record<string, number>> = {
  text: TYPES.text,
  json: TYPES.json,
  jsonb: TYPES.jsonb,
  uuid: TYPES.uuid,
  int: TYPES.int4,
  integer: TYPES.int4,
  int4: TYPES.int4,
  bigint: TYPES.int8,
  int8: TYPES.int8,
};
/** Types whose conversions go through their text forms. */
const isCast = (from: number, to: number): boolean =>
  from === to ||
  from === TYPES.text ||
  (from === TYPES.json && to === TYPES.jsonb) ||
  (to === TYPES.text && from === TYPES.uuid);

/** Strings without backslashes and quotes, which mean the same under every setting. */
const TOKEN = /\s*(?:('[^'\\]*')|(->>?|::|[(),;])|([a-zA-Z_][a-zA-Z_0-9.]*))/y;
const MAX_LENGTH = 2_000;
const MAX_DEPTH = 20;

export function expressionOfSql(body: SqlFunction, catalog: PolicyCatalog): Expression {
  const tokens = body.text === null ? undefined : tokensOf(body.text);
  const read = tokens && new SqlReader(tokens, catalog).body();
  return read && read.type === body.returns ? read.expression : UNKNOWN;
}

function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  const end = text.trimEnd().length;
  if (end > MAX_LENGTH) return undefined;
  for (TOKEN.lastIndex = 0; TOKEN.lastIndex < end; ) {
    const found = TOKEN.exec(text);
    if (!found) return undefined;
    const [, quoted, sign, word] = found;
    tokens.push(quoted ?? sign ?? (word as string).toLowerCase());
  }
  // Postgres joins 'a' 'b' on two lines into one string.
  return tokens.some((token, n) => isQuoted(token) && isQuoted(tokens[n + 1])) ? undefined : tokens;
}

const isQuoted = (token: string | undefined): token is string => token?.startsWith("'") ?? false;

class SqlReader {
  #tokens: readonly string[];
  #catalog: PolicyCatalog;
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly string[], catalog: PolicyCatalog) {
    this.#tokens = tokens;
    this.#catalog = catalog;
  }

  body(): Typed | undefined {
    if (!this.#take('select')) return undefined;
    const value = this.#value();
    if (this.#take('as') && !/^[a-z_][a-z_0-9]*$/.test(this.#tokens[this.#at++] ?? '')) return undefined;
    while (this.#take(';'));
    return this.#at === this.#tokens.length ? value : undefined;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #value(): Typed | undefined {
    this.#depth += 1;
    let left = this.#depth > MAX_DEPTH ? undefined : this.#cast();
    for (;;) {
      const arrow = this.#tokens[this.#at];
      if (!left || (arrow !== '->' && arrow !== '->>')) break;
      this.#at += 1;
      const isJson = left.type === TYPES.json || left.type === TYPES.jsonb;
      const key = this.#tokens[this.#at++];
      // An integer key would be the index of an array.
      if (!isJson || !isQuoted(key) || this.#tokens[this.#at] === '::') return undefined;
      const asText = arrow === '->>';
      const expression: Expression = { kind: 'member', of: left.expression, key: key.slice(1, -1), asText };
      left = { expression, type: asText ? TYPES.text : left.type };
    }
    this.#depth -= 1;
    return left;
  }

  #cast(): Typed | undefined {
    let value = this.#primary();
    while (value && this.#take('::')) {
      const to = TYPE_NAMES[this.#tokens[this.#at++] ?? ''];
      if (to === undefined || !isCast(value.type, to)) return undefined;
      if (to !== value.type)
        value = { expression: { kind: 'cast', of: value.expression, from: value.type, to }, type: to };
    }
    return value;
  }

  #primary(): Typed | undefined {
    const token = this.#tokens[this.#at++];
    if (isQuoted(token)) return { expression: { kind: 'constant', text: token.slice(1, -1) }, type: TYPES.text };
    if (token === '(') {
      this.#take('select');
      const value = this.#value();
      return this.#take(')') ? value : undefined;
    }
    if (token === undefined || !this.#take('(')) return undefined;
    if (token === 'current_setting' || token === 'pg_catalog.current_setting') return this.#setting();
    const parts = this.#list();
    const [first, second] = parts ?? [];
    if (!parts || !first || parts.some(({ type }) => type !== first.type)) return undefined;
    const expressions = parts.map(({ expression }) => expression);
    if (token === 'coalesce') return { expression: { kind: 'coalesce', parts: expressions }, type: first.type };
    if (token !== 'nullif' || !second || parts.length !== 2) return undefined;
    if (first.type !== TYPES.text) return undefined;
    return { expression: { kind: 'nullif', of: first.expression, unless: second.expression }, type: first.type };
  }

  #list(): Typed[] | undefined {
    const parts: Typed[] = [];
    do {
      const value = this.#value();
      if (!value) return undefined;
      parts.push(value);
    } while (this.#take(','));
    return this.#take(')') ? parts : undefined;
  }

  #setting(): Typed | undefined {
    const name = this.#tokens[this.#at++];
    if (!isQuoted(name)) return undefined;
    if (this.#take(',') && !this.#take('true') && !this.#take('false')) return undefined;
    return this.#take(')') ? { expression: settingOf(name.slice(1, -1), this.#catalog), type: TYPES.text } : undefined;
  }
}
