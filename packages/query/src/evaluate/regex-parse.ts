/**
 * Parses a subset of Postgres's regular expressions (ARE,
 * https://www.postgresql.org/docs/current/functions-matching.html). The rest is left to Postgres: back references,
 * look-around, `\w`, character classes, embedded options.
 */

export type RegexNode =
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'sequence'; readonly items: readonly RegexNode[] }
  | { readonly kind: 'either'; readonly branches: readonly RegexNode[] }
  | { readonly kind: 'repeat'; readonly item: RegexNode; readonly min: number; readonly max: number };

/** Closed ranges of code points, or their complement. */
export interface CharacterSet {
  readonly negated: boolean;
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

export type CaseVariants = (codePoint: number) => readonly number[] | null;

/** Nesting of groups; bounds the recursion of the parser and of the automaton's builder. */
const MAX_DEPTH = 32;
/** Postgres's own limit for a bound (DUPMAX). */
const MAX_BOUND = 255;
const META = '^.[$()|*+?\\';
const ANY: CharacterSet = { negated: true, ranges: [] };
const DIGITS: CharacterSet = { negated: false, ranges: [[48, 57]] };
const ESCAPES: Readonly<Record<string, number>> = { n: 10, t: 9, r: 13, f: 12, v: 11 };

class NotHandled extends Error {}

export function parseRegex(pattern: string, variants: CaseVariants | null): RegexNode | null {
  // `***` and a leading `(?` with letters select another syntax.
  if (pattern.startsWith('***')) return null;
  try {
    const parser = new RegexParser([...pattern], variants);
    return parser.parse();
  } catch (problem) {
    if (problem instanceof NotHandled) return null;
    throw problem;
  }
}

class RegexParser {
  readonly #characters: readonly string[];
  readonly #variants: CaseVariants | null;
  #pos = 0;

  constructor(characters: readonly string[], variants: CaseVariants | null) {
    this.#characters = characters;
    this.#variants = variants;
  }

  parse(): RegexNode {
    const node = this.#alternatives(0);
    if (this.#pos < this.#characters.length) throw new NotHandled();
    return node;
  }

  get #next(): string | undefined {
    return this.#characters[this.#pos];
  }

  #eat(character: string): boolean {
    if (this.#characters[this.#pos] !== character) return false;
    this.#pos++;
    return true;
  }

  #alternatives(depth: number): RegexNode {
    if (depth > MAX_DEPTH) throw new NotHandled();
    const branches = [this.#sequence(depth)];
    while (this.#eat('|')) branches.push(this.#sequence(depth));
    return branches.length === 1 ? branches[0]! : { kind: 'either', branches };
  }

  #sequence(depth: number): RegexNode {
    const items: RegexNode[] = [];
    while (this.#next !== undefined && this.#next !== '|' && !(this.#next === ')' && depth > 0)) {
      const atom = this.#atom(depth);
      items.push(this.#quantified(atom));
    }
    return { kind: 'sequence', items };
  }

  #atom(depth: number): RegexNode {
    const character = this.#characters[this.#pos++]!;
    switch (character) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return { kind: 'set', set: ANY };
      case '[':
        return { kind: 'set', set: this.#bracket() };
      case '\\':
        return { kind: 'set', set: this.#escape() };
      case '(': {
        if (this.#eat('?') && !this.#eat(':')) throw new NotHandled();
        const inner = this.#alternatives(depth + 1);
        if (!this.#eat(')')) throw new NotHandled();
        return inner;
      }
      case '{':
        if (isDigit(this.#next)) throw new NotHandled();
        return this.#literal(character);
      default:
        if (META.includes(character)) throw new NotHandled();
        return this.#literal(character);
    }
  }

  #quantified(item: RegexNode): RegexNode {
    const bounds = this.#bounds();
    if (!bounds) return item;
    // Greediness decides which match is found, not whether there is one.
    this.#eat('?');
    const again = this.#next;
    const second =
      again === '*' || again === '+' || again === '?' || (again === '{' && isDigit(this.#characters[this.#pos + 1]));
    if (second || item.kind === 'start' || item.kind === 'end') throw new NotHandled();
    return { kind: 'repeat', item, min: bounds[0], max: bounds[1] };
  }

  #bounds(): [number, number] | null {
    if (this.#eat('*')) return [0, Number.POSITIVE_INFINITY];
    if (this.#eat('+')) return [1, Number.POSITIVE_INFINITY];
    if (this.#eat('?')) return [0, 1];
    if (this.#next !== '{' || !isDigit(this.#characters[this.#pos + 1])) return null;
    this.#pos++;
    const min = this.#number()!;
    const max = this.#eat(',') ? (this.#number() ?? Number.POSITIVE_INFINITY) : min;
    const open = max === Number.POSITIVE_INFINITY;
    if (!this.#eat('}') || max < min || min > MAX_BOUND || (!open && max > MAX_BOUND)) throw new NotHandled();
    return [min, max];
  }

  #number(): number | null {
    const start = this.#pos;
    while (isDigit(this.#next)) this.#pos++;
    return this.#pos === start ? null : Number(this.#characters.slice(start, this.#pos).join(''));
  }

  #literal(character: string): RegexNode {
    return { kind: 'set', set: { negated: false, ranges: this.#cases(character.codePointAt(0)!) } };
  }

  #escape(): CharacterSet {
    const character = this.#characters[this.#pos++];
    if (character === 'd') return DIGITS;
    return { negated: false, ranges: this.#cases(escapedCodePoint(character)) };
  }

  #bracket(): CharacterSet {
    const negated = this.#eat('^');
    const ranges: (readonly [number, number])[] = [];
    let first = true;
    while (first || this.#next !== ']') {
      const from = this.#bracketCharacter(first);
      first = false;
      if (this.#next === '-' && this.#characters[this.#pos + 1] !== ']') {
        this.#pos++;
        const to = this.#bracketCharacter(false);
        if (to < from || this.#next === '-') throw new NotHandled();
        ranges.push(...this.#rangeCases(from, to));
      } else {
        ranges.push(...this.#cases(from));
      }
    }
    this.#pos++;
    return { negated, ranges };
  }

  #bracketCharacter(first: boolean): number {
    const character = this.#characters[this.#pos++];
    if (character === undefined || (character === '[' && '.:='.includes(this.#next ?? ' '))) throw new NotHandled();
    if (character === '-' && !first && this.#next !== ']') throw new NotHandled();
    return character === '\\' ? escapedCodePoint(this.#characters[this.#pos++]) : character.codePointAt(0)!;
  }

  #cases(codePoint: number): (readonly [number, number])[] {
    if (!this.#variants) return [[codePoint, codePoint]];
    const variants = this.#variants(codePoint);
    if (!variants) throw new NotHandled();
    return variants.map((variant) => [variant, variant] as const);
  }

  /** Without case, a range includes the cases of each member. Ranges beyond ASCII are left to Postgres. */
  #rangeCases(from: number, to: number): (readonly [number, number])[] {
    if (!this.#variants) return [[from, to]];
    if (to > 127) throw new NotHandled();
    const ranges: (readonly [number, number])[] = [];
    for (let codePoint = from; codePoint <= to; codePoint++) ranges.push(...this.#cases(codePoint));
    return ranges;
  }
}

function escapedCodePoint(character: string | undefined): number {
  if (character === undefined) throw new NotHandled();
  const control = ESCAPES[character];
  if (control !== undefined) return control;
  if (/^[\p{L}\p{N}_]$/u.test(character)) throw new NotHandled();
  return character.codePointAt(0)!;
}

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}
