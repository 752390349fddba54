/** The keys of parameters: `rel.sub.data->>a` (a filter), `rel.not.or` (a group), `rel.order`, `rel.limit`. */
import type { Field, Group } from './ast.ts';
import { FILTER_HINT } from './filter.ts';
import type { Limits } from './limits.ts';
import { Scanner } from './scanner.ts';

const LOGIC_HINT = 'Write the key of a group as and, or, not.and, not.or, or with a path before it: rel.not.or=(…).';

export function parseFilterKey(key: string, limits: Limits): { path: string[]; field: Field } {
  const input = new Scanner(key, 'tree path', FILTER_HINT, limits);
  const names = parseNames(input);
  const field = { name: names.pop()!, json: input.jsonPath() };
  input.space();
  input.expectEnd('letter, digit, "-", "->>", "->", delimiter (.) or end of input');
  return { path: names, field };
}

export function parseEmbedPath(key: string, limits: Limits): string[] {
  if (!key.includes('.')) return [];
  const input = new Scanner(key, 'tree path', FILTER_HINT, limits);
  const names = parseNames(input);
  input.expectEnd('delimiter (.) or end of input');
  return names.slice(0, -1);
}

/** As in PostgREST, `not` may stand anywhere before the operator. */
export function parseLogicKey(key: string, limits: Limits): { path: string[]; negate: boolean; kind: Group['kind'] } {
  if (key === 'and' || key === 'or') return { path: [], negate: false, kind: key };
  const input = new Scanner(key, 'logic path', LOGIC_HINT, limits);
  const path: string[] = [];
  let negate = false;
  for (;;) {
    const start = input.pos;
    const name = input.fieldName();
    if (input.atEnd) return { path, negate, kind: name as Group['kind'] };
    input.delimiter();
    if (name !== 'not' || input.quoted) path.push(name);
    else if (negate) input.fail('one negation operator (not)', start);
    else negate = true;
  }
}

function parseNames(input: Scanner): string[] {
  const names = [input.fieldName()];
  while (input.eat('.')) names.push(input.fieldName());
  return names;
}
