/** `[not.]op[(modifier)].value`, as a parameter's whole value or as an element of a logic group. */
import type { CompareOperator, Field, Filter, FtsOperator, IsValue, Quantifier } from './ast.ts';
import { errors } from './errors.ts';
import type { Scanner } from './scanner.ts';

const QUANTIFIABLE: ReadonlySet<string> = new Set(['eq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch']);
const PLAIN: ReadonlySet<string> = new Set(['neq', 'isdistinct', 'cs', 'cd', 'ov', 'sl', 'sr', 'nxr', 'nxl', 'adj']);
const FTS: ReadonlySet<string> = new Set(['fts', 'plfts', 'phfts', 'wfts']);
const IS_VALUES: ReadonlySet<string> = new Set(['null', 'not_null', 'true', 'false', 'unknown']);

export const FILTER_HINT =
  'Write a filter as column=operator.value, for example id=eq.1 or name=not.in.(a,b). Operators: eq, neq, gt, gte, lt, ' +
  'lte, like, ilike, match, imatch, in, is, isdistinct, fts, plfts, phfts, wfts, cs, cd, ov, sl, sr, nxr, nxl, adj; ' +
  'a value with a comma or parenthesis inside a list goes in double quotes.';

const OPERATOR = 'operator (eq, gt, ...)';

/** Where a value ends: at the end of the parameter, or at the next `,` or `)` of a group. */
export type ValueScope = 'parameter' | 'group';

export function parseOperation(input: Scanner, field: Field, scope: ValueScope): Filter {
  let start = input.pos;
  let op = input.word();
  const negate = op === 'not' && input.eat('.');
  if (negate) {
    start = input.pos;
    op = input.word();
  }
  if (op === 'in' && input.eat('.')) return { kind: 'in', field, negate, values: parseList(input) };
  if (op === 'is' && input.eat('.')) return { kind: 'is', field, negate, value: parseIsValue(input) };
  if (FTS.has(op)) {
    const language = input.eat('(') ? closeModifier(input, input.identifier(OPERATOR)) : null;
    input.delimiter();
    return { kind: 'fts', field, negate, op: op as FtsOperator, language, value: parseValue(input, scope) };
  }
  if (QUANTIFIABLE.has(op)) {
    const quantifier = input.eat('(') ? parseQuantifier(input) : null;
    input.delimiter();
    return { kind: 'compare', field, negate, op: op as CompareOperator, quantifier, value: parseValue(input, scope) };
  }
  if (PLAIN.has(op)) {
    if (input.peek() === '(') input.fail(OPERATOR);
    input.delimiter();
    const value = parseValue(input, scope);
    return { kind: 'compare', field, negate, op: op as CompareOperator, quantifier: null, value };
  }
  if (op === 'in' || op === 'is') input.fail(input.peek() === '(' ? OPERATOR : 'delimiter (.)');
  return input.fail(negate ? OPERATOR : `"not" or ${OPERATOR}`, start);
}

function parseQuantifier(input: Scanner): Quantifier {
  const start = input.pos;
  const word = input.word();
  if (word !== 'any' && word !== 'all') input.fail(OPERATOR, start);
  return closeModifier(input, word as Quantifier);
}

function closeModifier<T>(input: Scanner, modifier: T): T {
  input.expect(')');
  return modifier;
}

function parseIsValue(input: Scanner): IsValue {
  const start = input.pos;
  while (isWordCharacter(input.peek())) input.pos++;
  const value = input.text.slice(start, input.pos).toLowerCase();
  if (!IS_VALUES.has(value)) input.fail('isVal: (null, not_null, true, false, unknown)', start);
  return value as IsValue;
}

function isWordCharacter(character: string): boolean {
  return character === '_' || (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

/** As in PostgREST, unquoted elements keep their spaces. */
function parseList(input: Scanner): string[] {
  if (!input.lexeme('(')) input.fail('"("');
  const values: string[] = [];
  const start = input.pos;
  do {
    if (values.length === input.limits.inValues) {
      throw errors.TOO_COMPLEX({ limit: 'inValues', max: input.limits.inValues });
    }
    values.push(quotedElement(input) ?? untilSeparator(input));
  } while (input.eat(','));
  const empty = input.pos === start;
  if (!input.lexeme(')')) input.fail('"," or ")"');
  return empty ? [] : values;
}

function parseValue(input: Scanner, scope: ValueScope): string {
  if (scope === 'parameter') {
    const value = input.text.slice(input.pos);
    input.pos = input.text.length;
    return value;
  }
  return quotedElement(input) ?? arrayLiteral(input) ?? untilSeparator(input);
}

/** Returns null if text follows the closing quote: the quotes then belong to an unquoted element. */
function quotedElement(input: Scanner): string | null {
  if (input.peek() !== '"') return null;
  const start = input.pos;
  const text = input.quotedText();
  if (text !== null && (input.atEnd || input.peek() === ',' || input.peek() === ')')) return text;
  input.pos = start;
  return null;
}

/** Parses `{1,2}` inside a group, where its commas do not separate elements. A nested array has to be quoted. */
function arrayLiteral(input: Scanner): string | null {
  if (input.peek() !== '{') return null;
  const { text, pos } = input;
  for (let i = pos + 1; i < text.length; i++) {
    const character = text[i];
    if (character === '{') return null;
    if (character === '}') {
      input.pos = i + 1;
      return text.slice(pos, i + 1);
    }
  }
  return null;
}

function untilSeparator(input: Scanner): string {
  const start = input.pos;
  while (!input.atEnd && input.peek() !== ',' && input.peek() !== ')') input.pos++;
  return input.text.slice(start, input.pos);
}
