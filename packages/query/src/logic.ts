/** `and=(…)`, `or=(…)`, `not.and=(…)` and the groups inside them. */
import type { Condition, Group } from './ast.ts';
import { errors } from './errors.ts';
import { parseOperation } from './filter.ts';
import type { Budget } from './levels.ts';
import { FIELD_NAME, Scanner } from './scanner.ts';

const HINT =
  'Write a group as or=(column.operator.value,and(…),not.or(…)), for example or=(age.lt.18,age.gt.65). A value that holds ' +
  'a comma, a parenthesis or a nested array goes in double quotes.';

const ELEMENT = `${FIELD_NAME}, negation operator (not) or logic operator (and, or)`;

export function parseGroup(kind: Group['kind'], negate: boolean, value: string, budget: Budget): Group {
  // PostgREST parses the operator joined to the value and counts columns in both: or=() fails in `or()` at column 4.
  const head = negate ? `not.${kind}` : kind;
  const input = new Scanner(head + value, 'logic tree', HINT, budget.limits, value);
  input.pos = head.length;
  const group = new LogicParser(input, budget).group(kind, negate, 1);
  input.expectEnd();
  return group;
}

class LogicParser {
  readonly #in: Scanner;
  readonly #budget: Budget;

  constructor(input: Scanner, budget: Budget) {
    this.#in = input;
    this.#budget = budget;
  }

  group(kind: Group['kind'], negate: boolean, depth: number): Group {
    const input = this.#in;
    const { logicDepth } = this.#budget.limits;
    if (depth > logicDepth) throw errors.TOO_COMPLEX({ limit: 'logicDepth', max: logicDepth });
    this.#budget.condition();
    if (!input.lexeme('(')) input.fail('"("');
    const conditions: Condition[] = [];
    do conditions.push(this.#element(depth));
    while (input.lexeme(','));
    if (!input.lexeme(')')) input.fail('"," or ")"');
    return { kind, negate, conditions };
  }

  #element(depth: number): Condition {
    const input = this.#in;
    input.space();
    const start = input.pos;
    const negate = input.eat('not.');
    const kind = this.#groupHead();
    if (kind) return this.group(kind, negate, depth + 1);
    // This is a filter, so that `not` is the name of a column.
    input.pos = start;
    const field = input.field(ELEMENT);
    if (field.json.length === 0 && !input.quoted && (field.name === 'and' || field.name === 'or')) {
      if (input.peek() !== '.') input.fail('"("');
    }
    input.delimiter();
    this.#budget.condition();
    return parseOperation(input, field, 'group');
  }

  #groupHead(): Group['kind'] | null {
    const kind = this.#in.word();
    if (kind !== 'and' && kind !== 'or') return null;
    this.#in.space();
    return this.#in.peek() === '(' ? kind : null;
  }
}
