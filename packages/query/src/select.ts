import type { Aggregate, Embed, SelectColumn } from './ast.ts';
import { errors } from './errors.ts';
import type { Budget, DraftEmbed, DraftNode } from './levels.ts';
import { Scanner } from './scanner.ts';

const HINT =
  'Write select as columns and embedded tables, separated by commas: select=id,alias:name::text,data->>key,amount.sum(),' +
  'rel!hint!inner(id). Put names with other characters in double quotes.';

const AGGREGATES: ReadonlySet<string> = new Set<Aggregate>(['sum', 'avg', 'count', 'max', 'min']);

export function parseSelect(text: string, budget: Budget): DraftNode[] {
  const scanner = new Scanner(text, 'select parameter', HINT, budget.limits);
  const nodes = new SelectParser(scanner, budget).list(0);
  scanner.expectEnd('"," or end of input');
  return nodes;
}

class SelectParser {
  readonly #in: Scanner;
  readonly #budget: Budget;

  constructor(scanner: Scanner, budget: Budget) {
    this.#in = scanner;
    this.#budget = budget;
  }

  list(depth: number): DraftNode[] {
    const { embedDepth } = this.#budget.limits;
    if (depth > embedDepth) throw errors.TOO_COMPLEX({ limit: 'embedDepth', max: embedDepth });
    const nodes: DraftNode[] = [];
    this.#in.space();
    if (this.#in.atEnd || this.#in.peek() === ')') return nodes;
    do {
      this.#budget.selectNode();
      nodes.push(this.#node(depth));
    } while (this.#in.lexeme(','));
    return nodes;
  }

  #node(depth: number): DraftNode {
    const input = this.#in;
    if (input.eat('*')) {
      this.#end('")", "," or end of input');
      return { kind: 'star' };
    }
    if (input.eat('...')) return this.#embed(input.fieldName(), null, true, depth);

    let name = input.fieldName();
    let alias: string | null = null;
    if (input.peek() === ':' && !input.startsWith('::')) {
      input.pos++;
      alias = name;
      input.space();
      name = input.fieldName();
    }
    if (name === 'count' && !input.quoted && input.eat('()')) {
      const cast = this.#cast();
      this.#end('"::", ")", "," or end of input');
      return { kind: 'count', alias, cast };
    }
    if (input.peek() === '(' || input.peek() === '!') return this.#embed(name, alias, false, depth);
    return this.#column(name, alias);
  }

  #column(name: string, alias: string | null): SelectColumn {
    const input = this.#in;
    const field = { name, json: input.jsonPath() };
    input.space();
    const cast = this.#cast();
    let aggregate: Aggregate | null = null;
    let aggregateCast: string | null = null;
    if (input.eat('.')) {
      const start = input.pos;
      const word = input.word();
      if (!AGGREGATES.has(word)) input.fail('"sum", "avg", "count", "max" or "min"', start);
      input.expect('()');
      aggregate = word as Aggregate;
      aggregateCast = this.#cast();
    }
    this.#end('letter, digit, "-", "->>", "->", "::", ".", ")", "," or end of input');
    return { kind: 'column', field, alias, cast, aggregate, aggregateCast };
  }

  #embed(name: string, alias: string | null, spread: boolean, depth: number): DraftEmbed {
    const input = this.#in;
    let hint: string | null = null;
    let join: Embed['join'] = null;
    while (input.peek() === '!') {
      const start = input.pos++;
      const param = input.fieldName();
      if (!input.quoted && (param === 'inner' || param === 'left')) {
        if (join !== null) input.fail('one of !inner and !left', start);
        join = param;
      } else {
        if (hint !== null) input.fail('one !hint', start);
        hint = param;
      }
    }
    input.expect('(');
    const select = this.list(depth + 1);
    input.space();
    input.expect(')', '"," or ")"');
    this.#end('")", "," or end of input');
    return { kind: 'embed', name, alias, hint, join, spread, select, where: [], order: [], limit: null, offset: 0 };
  }

  #cast(): string | null {
    return this.#in.eat('::') ? this.#in.identifier() : null;
  }

  #end(expecting: string): void {
    const input = this.#in;
    input.space();
    if (!input.atEnd && input.peek() !== ')' && input.peek() !== ',') input.fail(expecting);
  }
}
