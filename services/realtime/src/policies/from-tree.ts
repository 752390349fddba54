/** Expressions of pg_node_tree. A node that reads more than its parts is unknown (current_user, a query of a table). */
import type { PolicyCatalog, SqlFunction } from './catalog.ts';
import { constantText } from './constant-text.ts';
import { type Expression, settingOf, TYPES, UNKNOWN } from './expression.ts';
import { expressionOfSql } from './from-sql.ts';
import { isNode, type Node, type NodeValue, number, parseNodeText } from './node-text.ts';
import { EXPRESSION_SUBLINK, isText, onlyValue, PLAIN, typeOf } from './tree-nodes.ts';

/** Oids of built-in functions and operators (pg_proc.dat, pg_operator.dat), which never change. */
const CURRENT_SETTING = new Set([2_077, 3_294]);
const MEMBER = new Map([
  [3_962, false],
  [3_963, true],
  [3_211, false],
  [3_477, true],
]);
/** `=` of bool, of int2, int4 and int8 among each other, of text and uuid. */
export const EQUAL = new Set([91, 94, 96, 410, 15, 416, 532, 533, 1_862, 1_868, 98, 2_972]);
/** Types whose input and output functions read nothing but the value. */
const PLAIN_TEXT: ReadonlySet<number> = new Set(Object.values(TYPES));
/** Kinds of FROM entries that name no table: subqueries and functions. */
const TABLELESS = new Set(['1', '3']);
/** Kinds of parameters: of a function, and for the result of a subquery. */
const PARAM = { argument: '0', sublink: '2' };

const MAX_CALLS = 8;
/** Nodes of all policies of a table, including the bodies of functions. */
const MAX_NODES = 20_000;

export interface Scope {
  /** Number of enclosing queries; Infinity in a function, which has no columns of the table. */
  levels: number;
  calls: number;
  arguments: { nodes: readonly NodeValue[]; scope: Scope } | undefined;
}

export function expressionOfTree(tree: string, catalog: PolicyCatalog): Expression {
  const builder = new Builder(catalog);
  const expression = builder.build(parseNodeText(tree), { levels: 0, calls: 0, arguments: undefined });
  return builder.exhausted ? UNKNOWN : expression;
}

/** Parses all trees of a table's policies, which share one limit of nodes. */
export class Builder {
  #catalog: PolicyCatalog;
  #functions: ReadonlySet<number>;
  #operators: ReadonlySet<number>;
  #bodies: ReadonlyMap<number, SqlFunction>;
  #left = MAX_NODES;

  constructor(catalog: PolicyCatalog) {
    this.#catalog = catalog;
    this.#functions = new Set(catalog.functions);
    this.#operators = new Set(catalog.operators);
    this.#bodies = new Map(catalog.bodies.map((body) => [body.oid, body]));
  }

  get exhausted(): boolean {
    return this.#left <= 0;
  }

  build(node: NodeValue | undefined, scope: Scope): Expression {
    this.#left -= 1;
    if (!isNode(node) || this.exhausted) return UNKNOWN;
    if (node.tag === 'PARAM') return this.#param(node, scope);
    if (node.tag === 'BOOLEXPR') return this.#boolean(node, scope);
    if (node.tag === 'FUNCEXPR') return this.#call(node, scope);
    if (!PLAIN.has(node.tag) || !this.#isTrusted(node)) return UNKNOWN;
    switch (node.tag) {
      case 'CONST':
        return { kind: 'constant', text: constantText(node) };
      case 'VAR':
        return column(node, scope);
      case 'OPEXPR':
        return this.#operator(node, scope);
      case 'SCALARARRAYOPEXPR':
        return this.#anyOf(node, scope);
      case 'NULLIFEXPR': {
        const [of = UNKNOWN, unless = UNKNOWN] = this.#all(node, 'args', scope);
        return { kind: 'nullif', of, unless };
      }
      case 'COALESCE':
      case 'COALESCEEXPR':
        return { kind: 'coalesce', parts: this.#all(node, 'args', scope) };
      case 'COERCEVIAIO':
        return this.#cast(node, scope);
      case 'RELABELTYPE': {
        const of = this.build(node.fields.get('arg'), scope);
        return isText(typeOf(node)) && isText(typeOf(node.fields.get('arg'))) ? of : { kind: 'built', parts: [of] };
      }
      case 'SUBLINK':
        return this.#sublink(node, scope);
      case 'QUERY':
        if (number(node, 'commandType') !== 1) return UNKNOWN;
        return this.#children(node, { ...scope, levels: scope.levels + 1 });
      case 'RTE':
      case 'RANGETBLENTRY':
        return TABLELESS.has(String(node.fields.get('rtekind'))) ? this.#children(node, scope) : UNKNOWN;
      default:
        return this.#children(node, scope);
    }
  }

  #all(node: Node, field: string, scope: Scope): Expression[] {
    const items = node.fields.get(field);
    return Array.isArray(items) ? items.map((item) => this.build(item, scope)) : [];
  }

  #children(node: Node, scope: Scope): Expression {
    const parts: Expression[] = [];
    const visit = (value: NodeValue) => {
      if (isNode(value)) parts.push(this.build(value, scope));
      else if (Array.isArray(value)) for (const item of value) visit(item);
    };
    for (const value of node.fields.values()) visit(value);
    return { kind: 'built', parts };
  }

  #isTrusted(node: Node): boolean {
    const operator = number(node, 'opno');
    return operator === undefined || this.#operators.has(operator);
  }

  #boolean(node: Node, scope: Scope): Expression {
    const parts = this.#all(node, 'args', scope);
    const operator = node.fields.get('boolop');
    if (operator === 'and' || operator === 'or') return { kind: operator, parts };
    return operator === 'not' && parts[0] ? { kind: 'not', of: parts[0] } : UNKNOWN;
  }

  #operator(node: Node, scope: Scope): Expression {
    const parts = this.#all(node, 'args', scope);
    const [left, right] = parts;
    const operator = number(node, 'opno') as number;
    if (!left || !right) return { kind: 'built', parts };
    const asText = MEMBER.get(operator);
    if (asText !== undefined && right.kind === 'constant' && typeof right.text === 'string') {
      return { kind: 'member', of: left, key: right.text, asText };
    }
    if (EQUAL.has(operator)) return { kind: 'equal', left, right, collation: number(node, 'inputcollid') ?? 0 };
    return { kind: 'built', parts };
  }

  /** `a = any (array[b, c])` is `a = b or a = c`. */
  #anyOf(node: Node, scope: Scope): Expression {
    const args = node.fields.get('args');
    const [left, array] = Array.isArray(args) ? args : [];
    const isArray = isNode(array) && (array.tag === 'ARRAY' || array.tag === 'ARRAYEXPR');
    const isPlain = isArray && array.fields.get('multidims') === 'false';
    if (!isPlain || node.fields.get('useOr') !== 'true' || !EQUAL.has(number(node, 'opno') ?? 0)) {
      return this.#children(node, scope);
    }
    const collation = number(node, 'inputcollid') ?? 0;
    const parts = this.#all(array, 'elements', scope).map(
      (right): Expression => ({ kind: 'equal', left: this.build(left, scope), right, collation }),
    );
    return { kind: 'or', parts };
  }

  #cast(node: Node, scope: Scope): Expression {
    const arg = node.fields.get('arg');
    const [from, to] = [typeOf(arg), typeOf(node)];
    if (from === undefined || to === undefined || !PLAIN_TEXT.has(from) || !PLAIN_TEXT.has(to)) return UNKNOWN;
    return { kind: 'cast', of: this.build(arg, scope), from, to };
  }

  #sublink(node: Node, scope: Scope): Expression {
    const value = onlyValue(node.fields.get('subselect'));
    if (value === undefined || node.fields.get('subLinkType') !== EXPRESSION_SUBLINK)
      return this.#children(node, scope);
    return this.build(value, { ...scope, levels: scope.levels + 1 });
  }

  #param(node: Node, scope: Scope): Expression {
    // This is the result of a subquery, which is itself parsed at its own node.
    if (node.fields.get('paramkind') === PARAM.sublink) return { kind: 'built', parts: [] };
    const given = scope.arguments;
    if (node.fields.get('paramkind') !== PARAM.argument || !given) return UNKNOWN;
    return this.build(given.nodes[(number(node, 'paramid') ?? 0) - 1], given.scope);
  }

  #call(node: Node, scope: Scope): Expression {
    const oid = number(node, 'funcid') as number;
    const args = node.fields.get('args');
    const nodes = Array.isArray(args) ? args : [];
    if (CURRENT_SETTING.has(oid)) {
      const name = isNode(nodes[0]) ? this.build(nodes[0], scope) : UNKNOWN;
      return name.kind === 'constant' && typeof name.text === 'string' ? settingOf(name.text, this.#catalog) : UNKNOWN;
    }
    if (this.#functions.has(oid)) return this.#children(node, scope);
    const body = this.#bodies.get(oid);
    if (!body || scope.calls >= MAX_CALLS) return UNKNOWN;
    const inside: Scope = { levels: Number.POSITIVE_INFINITY, calls: scope.calls + 1, arguments: { nodes, scope } };
    const result = body.tree === null ? expressionOfSql(body, this.#catalog) : this.#treeBody(body, inside);
    // A strict function is not called with a NULL argument.
    return body.strict && nodes.length > 0
      ? { kind: 'built', parts: [result, ...this.#all(node, 'args', scope)] }
      : result;
  }

  #treeBody(body: SqlFunction, scope: Scope): Expression {
    let query = parseNodeText(body.tree as string);
    while (Array.isArray(query) && query.length === 1) query = query[0];
    const value = onlyValue(query);
    if (value === undefined || typeOf(value) !== body.returns) return UNKNOWN;
    return this.build(value, scope);
  }
}

function column(node: Node, scope: Scope): Expression {
  if (number(node, 'varlevelsup') !== scope.levels || number(node, 'varno') !== 1) return { kind: 'built', parts: [] };
  return {
    kind: 'column',
    number: number(node, 'varattno') ?? 0,
    type: number(node, 'vartype') ?? 0,
    collation: number(node, 'varcollid') ?? 0,
  };
}
