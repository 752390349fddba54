import type { Condition, Field, Filter, OrderTerm, Pair, Query } from './ast.ts';
import { errors, postgrest } from './errors.ts';
import { FILTER_HINT, parseOperation } from './filter.ts';
import { freezeQuery } from './freeze.ts';
import { Budget, type DraftLevel, findEmbed, levelAt } from './levels.ts';
import { LIMITS, type Limits } from './limits.ts';
import { parseGroup } from './logic.ts';
import { parseOrder } from './order.ts';
import { readPairs } from './pairs.ts';
import { parseEmbedPath, parseFilterKey, parseLogicKey } from './paths.ts';
import { Scanner } from './scanner.ts';
import { parseSelect } from './select.ts';

export interface ParseOptions {
  target?: 'table' | 'function';
  /**
   * Without them, every pair that could be an argument is listed in `args`, and one that is not a valid filter is no
   * error.
   */
  argumentNames?: ReadonlySet<string>;
  /** Names of arguments that are columns, too: their pairs with an operator are filters. */
  filterNames?: ReadonlySet<string>;
  limits?: Limits;
}

type Role = 'select' | 'columns' | 'on_conflict' | 'order' | 'limit' | 'offset' | 'logic' | 'cursor' | 'filter';

const COLUMNS_HINT =
  'Write column names separated by commas, for example columns=id,name. Quote names with characters other than letters, digits, _, $ and -.';

/**
 * Parses a PostgREST query string, in time linear in its length and bounded by `LIMITS`.
 *
 * @param search the percent-encoded query string, with or without `?`; or `query.pairs` of an earlier query, to parse it again as a
 *   call of a known function
 * @throws TidemarkError only: PGRST100 (malformed), PGRST103 (limit or offset), PGRST108 (path to a table that is not embedded),
 *   QUERY_TOO_LONG, QUERY_TOO_COMPLEX, QUERY_DUPLICATE (two values of a parameter that may occur
 *   once), QUERY_BAD_TEXT, QUERY_BAD_CURSOR
 */
export function parseQuery(search: string | readonly Pair[], options: ParseOptions = {}): Query {
  const limits = options.limits ?? LIMITS;
  const pairs = typeof search === 'string' ? readPairs(search, limits) : [...search];
  const query = new QueryParser(pairs, options, limits);
  return freezeQuery(query.parse());
}

class QueryParser {
  readonly #pairs: readonly Pair[];
  readonly #names: ReadonlySet<string> | undefined;
  readonly #filterNames: ReadonlySet<string> | undefined;
  readonly #isFunction: boolean;
  readonly #limits: Limits;
  readonly #budget: Budget;
  readonly #once = new Map<string, string>();
  readonly #args: Pair[] = [];
  readonly #root: DraftLevel = { select: [{ kind: 'star' }], where: [], order: [], limit: null, offset: 0 };
  #columns: string[] | null = null;
  #onConflict: string[] | null = null;
  #cursors: { after: string | null; tidemark: string | null } = { after: null, tidemark: null };

  constructor(pairs: readonly Pair[], options: ParseOptions, limits: Limits) {
    this.#pairs = pairs;
    this.#isFunction = options.target === 'function';
    this.#names = options.argumentNames;
    this.#filterNames = options.filterNames;
    this.#limits = limits;
    this.#budget = new Budget(limits);
  }

  parse(): Query {
    // The select list is parsed first, because it creates the levels of the other parameters.
    for (const [key, value] of this.#pairs) {
      if (key === 'select' && this.#first(key, value)) this.#root.select = parseSelect(value, this.#budget);
    }
    for (const pair of this.#pairs) this.#take(pair);
    // A spread of the level would cost more than the rest of the parse.
    const { select, where, order, limit, offset } = this.#root;
    return {
      select,
      where,
      order,
      limit,
      offset,
      columns: this.#columns,
      onConflict: this.#onConflict,
      after: this.#cursors.after,
      tidemark: this.#cursors.tidemark,
      args: this.#args,
      pairs: this.#pairs,
    };
  }

  #take(pair: Pair): void {
    const [key, value] = pair;
    const role = roleOf(key, value);
    if (this.#isFunction && (role === 'filter' || role === 'cursor')) {
      if (this.#names?.has(key) && !(this.#filterNames?.has(key) && isOperation(value))) {
        this.#args.push(pair);
        return;
      }
      if (!this.#names) {
        this.#args.push(pair);
        if (!isOperation(value) && !(role === 'cursor' && isCursor(value))) return;
      }
    }
    switch (role) {
      case 'select':
        return;
      case 'columns':
        if (this.#first(key, value)) this.#columns = parseNames(value, 'columns parameter', this.#limits);
        return;
      case 'on_conflict':
        if (this.#first(key, value)) this.#onConflict = parseNames(value, 'on_conflict parameter', this.#limits);
        return;
      case 'order':
        if (this.#first(key, value)) this.#order(key, parseOrder(value, this.#limits));
        return;
      case 'limit':
      case 'offset':
        if (this.#first(key, value)) this.#level(key)[role] = parseRowCount(role, value, this.#limits);
        return;
      case 'cursor':
        if (this.#first(key, value)) this.#cursors[key as 'after' | 'tidemark'] = parseCursor(key, value);
        return;
      case 'logic': {
        const { path, negate, kind } = parseLogicKey(key, this.#limits);
        const group = parseGroup(kind, negate, value, this.#budget);
        this.#where(levelAt(this.#root, path), group);
        return;
      }
      case 'filter': {
        const { path, field } = parseFilterKey(key, this.#limits);
        const input = new Scanner(value, 'filter', FILTER_HINT, this.#limits);
        this.#budget.condition();
        const filter = parseOperation(input, field, 'parameter');
        input.expectEnd();
        this.#where(levelAt(this.#root, path), filter);
      }
    }
  }

  #where(level: DraftLevel, condition: Condition): void {
    level.where.push(withEmbedNulls(level, condition));
  }

  #order(key: string, terms: OrderTerm[]): void {
    const level = this.#level(key);
    for (const { related } of terms) {
      if (related !== null && !findEmbed(level, related)) throw postgrest.PGRST108({ name: related });
    }
    level.order = terms;
  }

  #level(key: string): DraftLevel {
    return levelAt(this.#root, parseEmbedPath(key, this.#limits));
  }

  #first(key: string, value: string): boolean {
    const first = this.#once.get(key);
    if (first === undefined) {
      this.#once.set(key, value);
      return true;
    }
    if (first !== value) throw errors.DUPLICATE({ key, first, second: value });
    return false;
  }
}

function roleOf(key: string, value: string): Role {
  switch (key.slice(key.lastIndexOf('.') + 1)) {
    case 'and':
    case 'or':
      return 'logic';
    case 'order':
      return 'order';
    case 'limit':
      return 'limit';
    case 'offset':
      return 'offset';
  }
  switch (key) {
    case 'select':
    case 'columns':
    case 'on_conflict':
      return key;
    // A table may have columns of these names. Cursors and tidemarks never have the form of a filter.
    case 'after':
    case 'tidemark':
      return isOperation(value) ? 'filter' : 'cursor';
    default:
      return 'filter';
  }
}

/** Whether a value has the form `op.…`, `not.op.…` or `op(…).…`, by which PostgREST tells filters from arguments. */
function isOperation(value: string): boolean {
  return /^(?:not\.)?(?:(?:neq|isdistinct|in|is|cs|cd|ov|sl|sr|nxr|nxl|adj)\.|(?:[gl]te?|eq|i?like|i?match)(?:\((?:any|all)\))?\.|(?:pl|ph|w)?fts(?:\([\p{L}\p{M}\p{N}_$ ]+\))?\.)/u.test(
    value,
  );
}

function isCursor(value: string): boolean {
  return /^[A-Za-z0-9_~-]{1,4096}$/.test(value);
}

function parseCursor(key: string, value: string): string {
  if (!isCursor(value) && !(key === 'after' && value === '')) throw errors.BAD_CURSOR({ key, value });
  return value;
}

function parseNames(text: string, what: string, limits: Limits): string[] {
  const input = new Scanner(text, what, COLUMNS_HINT, limits);
  const names = new Set<string>();
  do {
    input.space();
    names.add(input.fieldName());
    if (names.size > limits.listItems) throw errors.TOO_COMPLEX({ limit: 'listItems', max: limits.listItems });
  } while (input.lexeme(','));
  input.expectEnd('"," or end of input');
  return [...names];
}

function parseRowCount(role: 'limit' | 'offset', value: string, limits: Limits): number {
  const name = role === 'limit' ? 'Limit' : 'Offset';
  // As in PostgREST, a negative offset is none.
  if (role === 'offset' && /^-[0-9]+$/.test(value)) return 0;
  if (/^-[0-9]+$/.test(value)) {
    throw postgrest.PGRST103({ details: `${name} should be greater than or equal to zero.` });
  }
  if (!/^[0-9]+$/.test(value)) {
    const input = new Scanner(value, role, `Give ${role} as a whole number of rows, for example ${role}=20.`, limits);
    input.pos = /^[0-9]*/.exec(value)![0].length;
    input.fail('digit');
  }
  const rows = Number(value);
  if (!Number.isSafeInteger(rows)) {
    throw postgrest.PGRST103({ details: `${name} should be at most ${Number.MAX_SAFE_INTEGER}.` });
  }
  return rows;
}

function withEmbedNulls(level: DraftLevel, condition: Condition): Condition {
  if (condition.kind === 'and' || condition.kind === 'or') {
    return { ...condition, conditions: condition.conditions.map((inner) => withEmbedNulls(level, inner)) };
  }
  if (condition.kind === 'embed-null' || !namesEmbed(level, condition.field)) return condition;
  return embedNull(condition);
}

function namesEmbed(level: DraftLevel, field: Field): boolean {
  if (field.json.length > 0) return false;
  return level.select.some((node) => node.kind === 'embed' && (node.alias ?? node.name) === field.name);
}

/** A column may have the name of the embed, so filters other than null tests are checked where the columns are known. */
function embedNull(filter: Filter): Condition {
  if (filter.kind !== 'is' || (filter.value !== 'null' && filter.value !== 'not_null')) return filter;
  return { kind: 'embed-null', embed: filter.field.name, negate: filter.negate !== (filter.value === 'not_null') };
}
