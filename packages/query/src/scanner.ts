/** Reading a token takes time linear in its length: no regular expression is applied to more than one character. */
import type { Field, JsonStep } from './ast.ts';
import { errors, postgrest } from './errors.ts';
import type { Limits } from './limits.ts';

export const FIELD_NAME = 'field name (* or [a..z0..9_$])';

/** Shared by all columns without a path, which saves allocating and freezing an array for each. */
const NO_STEPS: readonly JsonStep[] = Object.freeze([]);

const MAX_INT4 = 2_147_483_647;
const UNICODE_NAME_CHARACTER = /^[\p{L}\p{M}\p{N}]$/u;

/** Characters that end an unquoted key of a JSON path, besides `->`. */
const JSON_KEY_END = '(:.,>)';

export class Scanner {
  pos = 0;
  /** Whether the last field name was quoted and so cannot be a keyword. */
  quoted = false;
  readonly text: string;
  readonly #what: string;
  readonly #label: string;
  readonly #hint: string;
  readonly limits: Limits;

  /** `what`, `label` and `hint` are parts of the error: `failed to parse <what> (<label>)`. */
  constructor(text: string, what: string, hint: string, limits: Limits, label: string = text) {
    this.text = text;
    this.#what = what;
    this.#label = label;
    this.#hint = hint;
    this.limits = limits;
  }

  fail(expecting: string, at = this.pos, hint = this.#hint): never {
    const before = this.text.slice(0, at);
    const lineStart = before.lastIndexOf('\n') + 1;
    const character = this.text.codePointAt(at);
    throw postgrest.PGRST100({
      what: this.#what,
      text: this.#label,
      line: before.split('\n').length,
      column: at - lineStart + 1,
      unexpected: character === undefined ? 'end of input' : JSON.stringify(String.fromCodePoint(character)),
      expecting,
      hint,
    });
  }

  get atEnd(): boolean {
    return this.pos >= this.text.length;
  }

  peek(): string {
    return this.text[this.pos] ?? '';
  }

  startsWith(token: string): boolean {
    return this.text.startsWith(token, this.pos);
  }

  eat(token: string): boolean {
    if (!this.text.startsWith(token, this.pos)) return false;
    this.pos += token.length;
    return true;
  }

  expect(token: string, expecting = `"${token}"`): void {
    if (!this.eat(token)) this.fail(expecting);
  }

  delimiter(): void {
    this.expect('.', 'delimiter (.)');
  }

  expectEnd(expecting = 'end of input'): void {
    if (!this.atEnd) this.fail(expecting);
  }

  space(): void {
    while (this.peek() === ' ' || this.peek() === '\t') this.pos++;
  }

  lexeme(token: string): boolean {
    const start = this.pos;
    this.space();
    if (!this.eat(token)) {
      this.pos = start;
      return false;
    }
    this.space();
    return true;
  }

  word(): string {
    const start = this.pos;
    while (this.pos < this.text.length) {
      const code = this.text.charCodeAt(this.pos);
      if (code < 97 || code > 122) break;
      this.pos++;
    }
    return this.text.slice(start, this.pos);
  }

  /** Returns null at the same position if the closing quote is missing. */
  quotedText(): string | null {
    const start = this.pos;
    const { text } = this;
    let out = '';
    let from = start + 1;
    for (let i = from; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code === 34) {
        this.pos = i + 1;
        return out + text.slice(from, i);
      }
      if (code === 92) {
        out += text.slice(from, i);
        from = ++i;
      }
    }
    return null;
  }

  /** Reads letters, digits, `_`, `$` and inner spaces: a cast or a text search configuration. */
  identifier(expecting = 'letter or digit'): string {
    const start = this.pos;
    this.#skipNameCharacters();
    const name = this.text.slice(start, this.pos).trim();
    if (name === '') this.fail(expecting, start);
    return name;
  }

  /** Reads a column, table, alias or hint: quoted, or identifiers joined by single dashes. */
  fieldName(expecting = FIELD_NAME): string {
    if (this.peek() === '"') {
      const start = this.pos;
      const name = this.quotedText();
      if (name === null) this.fail('closing quote (")', this.text.length);
      if (name === '') this.fail(expecting, start);
      this.quoted = true;
      return name;
    }
    this.quoted = false;
    let name = this.identifier(expecting);
    while (this.peek() === '-' && this.text[this.pos + 1] !== '>') {
      this.pos++;
      name += `-${this.identifier()}`;
    }
    return name;
  }

  field(expecting = FIELD_NAME): Field {
    this.space();
    const name = this.fieldName(expecting);
    const json = this.jsonPath();
    this.space();
    return { name, json };
  }

  jsonPath(): readonly JsonStep[] {
    if (!this.startsWith('->')) return NO_STEPS;
    const steps: JsonStep[] = [];
    while (this.startsWith('->')) {
      const arrow = this.eat('->>') ? '->>' : '->';
      if (arrow === '->') this.pos += 2;
      steps.push(this.#jsonIndex(arrow) ?? { arrow, kind: 'key', key: this.#jsonKey() });
      if (steps.length > this.limits.jsonSteps) {
        throw errors.TOO_COMPLEX({ limit: 'jsonSteps', max: this.limits.jsonSteps });
      }
    }
    return steps;
  }

  #jsonIndex(arrow: JsonStep['arrow']): JsonStep | null {
    const start = this.pos;
    const negative = this.eat('-');
    const digits = this.pos;
    while (isDigit(this.text.charCodeAt(this.pos))) this.pos++;
    const ended = this.atEnd || this.startsWith('->') || this.startsWith('::') || '.,)'.includes(this.peek());
    if (this.pos === digits || !ended) {
      if (negative) this.fail('digit');
      this.pos = start;
      return null;
    }
    const size = Number(this.text.slice(digits, this.pos));
    if (size > MAX_INT4) this.fail(`array index up to ${MAX_INT4}`, start);
    return { arrow, kind: 'index', index: negative && size > 0 ? -size : size };
  }

  #jsonKey(): string {
    const expecting = 'any non reserved character different from: .,>()';
    if (this.peek() === '"') {
      const key = this.quotedText();
      if (key === null) this.fail('closing quote (")', this.text.length);
      return key;
    }
    let key = '';
    for (;;) {
      const start = this.pos;
      while (!this.atEnd && this.peek() !== '-' && !JSON_KEY_END.includes(this.peek())) this.pos++;
      const part = this.text.slice(start, this.pos).trim();
      if (part === '') this.fail(expecting, start);
      key += part;
      if (this.peek() !== '-' || this.text[this.pos + 1] === '>') return key;
      this.pos++;
      key += '-';
    }
  }

  #skipNameCharacters(): void {
    const { text } = this;
    while (this.pos < text.length) {
      const code = text.charCodeAt(this.pos);
      if (code < 128) {
        if (!isAsciiNameCharacter(code)) return;
        this.pos++;
      } else {
        const character = String.fromCodePoint(text.codePointAt(this.pos)!);
        if (!UNICODE_NAME_CHARACTER.test(character)) return;
        this.pos += character.length;
      }
    }
  }
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isAsciiNameCharacter(code: number): boolean {
  const lower = code | 32;
  return (lower >= 97 && lower <= 122) || isDigit(code) || code === 95 || code === 36 || code === 32;
}
