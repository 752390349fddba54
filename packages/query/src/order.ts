/** `order=col.desc.nullslast,json->>key.asc,rel(col).desc` */
import type { OrderTerm } from './ast.ts';
import { errors } from './errors.ts';
import type { Limits } from './limits.ts';
import { Scanner } from './scanner.ts';

const HINT =
  'Write order as column[.asc|.desc][.nullsfirst|.nullslast], separated by commas, for example order=age.desc.nullslast,id; ' +
  'by a column of an embedded table: order=rel(name).';

export function parseOrder(text: string, limits: Limits): OrderTerm[] {
  const input = new Scanner(text, 'order', HINT, limits);
  const terms: OrderTerm[] = [];
  do {
    if (terms.length === limits.listItems) throw errors.TOO_COMPLEX({ limit: 'listItems', max: limits.listItems });
    terms.push(parseTerm(input));
  } while (input.lexeme(','));
  input.expectEnd('"," or end of input');
  return terms;
}

function parseTerm(input: Scanner): OrderTerm {
  let field = input.field();
  let related: string | null = null;
  if (field.json.length === 0 && input.eat('(')) {
    related = field.name;
    field = input.field();
    input.expect(')');
  }
  let direction: OrderTerm['direction'] = null;
  let nulls: OrderTerm['nulls'] = null;
  if (input.eat('.')) {
    const start = input.pos;
    const word = input.word();
    nulls = nullsOf(word);
    if (nulls === null) {
      if (word !== 'asc' && word !== 'desc') input.fail('"asc", "desc", "nullsfirst" or "nullslast"', start);
      direction = word as 'asc' | 'desc';
      if (input.eat('.')) {
        const at = input.pos;
        nulls = nullsOf(input.word()) ?? input.fail('"nullsfirst" or "nullslast"', at);
      }
    }
  }
  input.space();
  if (!input.atEnd && input.peek() !== ',') {
    input.fail(direction && !nulls ? 'delimiter (.), "," or end of input' : '"," or end of input');
  }
  return { field, related, direction, nulls };
}

function nullsOf(word: string): OrderTerm['nulls'] {
  if (word === 'nullsfirst') return 'first';
  return word === 'nullslast' ? 'last' : null;
}
