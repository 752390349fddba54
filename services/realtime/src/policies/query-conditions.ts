import { type Expression, TYPES } from './expression.ts';
import { isNode, type Node, type NodeValue, number } from './node-text.ts';

/** A relevant row meets WHERE, and the conditions of inner joins that are not inside an outer join. */
export function conditionsOf(value: NodeValue | undefined): Node[] {
  if (!isNode(value)) return [];
  if (value.tag === 'JOINEXPR') {
    if (number(value, 'jointype') !== 0) return [];
    return [value.fields.get('quals'), value.fields.get('larg'), value.fields.get('rarg')].flatMap((part, n) =>
      n === 0 ? conjuncts(part) : conditionsOf(part),
    );
  }
  if (value.tag !== 'FROMEXPR') return [];
  const list = value.fields.get('fromlist');
  return [...conjuncts(value.fields.get('quals')), ...(Array.isArray(list) ? list : []).flatMap(conditionsOf)];
}

function conjuncts(value: NodeValue | undefined): Node[] {
  if (Array.isArray(value)) return value.flatMap(conjuncts);
  if (!isNode(value)) return [];
  const isAnd = value.tag === 'BOOLEXPR' && value.fields.get('boolop') === 'and';
  return isAnd ? conjuncts(value.fields.get('args')) : [value];
}

const TEXT: ReadonlySet<number> = new Set([TYPES.text, TYPES.varchar]);

/** Returns the column of this FROM entry, or of its cast to text. */
export function columnOf(value: NodeValue | undefined, entry: number): Expression | undefined {
  if (!isNode(value)) return undefined;
  if (value.tag === 'VAR') {
    if (number(value, 'varlevelsup') !== 0 || number(value, 'varno') !== entry) return undefined;
    const [column, type, collation] = ['varattno', 'vartype', 'varcollid'].map((field) => number(value, field) ?? 0);
    return { kind: 'column', number: column ?? 0, type: type ?? 0, collation: collation ?? 0 };
  }
  const of = columnOf(value.fields.get('arg'), entry);
  if (of?.kind !== 'column') return undefined;
  const to = number(value, 'resulttype') ?? 0;
  if (value.tag === 'RELABELTYPE') return TEXT.has(of.type) && TEXT.has(to) ? of : undefined;
  return value.tag === 'COERCEVIAIO' ? { kind: 'cast', of, from: of.type, to } : undefined;
}
