import type { Condition, Embed, Filter, Level, OrderTerm, Query, SelectNode } from './ast.ts';
import { encodePairs, queryPairs, renderElement } from './render.ts';

/**
 * Queries with equal texts have equal results; equivalent queries may still have different texts. The order of the
 * select list is kept, because it is that of the result's columns. `tidemark` does not change which rows a query
 * selects.
 */
export function canonical(query: Query): string {
  return encodePairs(
    queryPairs({
      ...query,
      ...canonicalLevel(query),
      columns: query.columns && [...query.columns].sort(),
      onConflict: query.onConflict && [...query.onConflict].sort(),
      tidemark: null,
      // Equal keys keep their order, which is that of a variadic argument.
      args: [...query.args].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
    }),
  );
}

export function canonicalWhere(where: readonly Condition[]): string {
  return canonicalList('and', where).map(renderElement).join(',');
}

function canonicalLevel(level: Level): Level {
  return {
    select: level.select.map(canonicalNode),
    where: canonicalList('and', level.where),
    order: level.order.map(canonicalTerm),
    limit: level.limit,
    offset: level.offset,
  };
}

function canonicalNode(node: SelectNode): SelectNode {
  if (node.kind !== 'embed') return node;
  const embed: Embed = { ...node, ...canonicalLevel(node), join: node.join === 'left' ? null : node.join };
  return embed;
}

function canonicalTerm(term: OrderTerm): OrderTerm {
  const direction = term.direction ?? 'asc';
  return { ...term, direction, nulls: term.nulls ?? (direction === 'asc' ? 'last' : 'first') };
}

function canonicalList(kind: 'and' | 'or', conditions: readonly Condition[]): Condition[] {
  const byText = new Map<string, Condition>();
  const add = (condition: Condition) => {
    if (condition.kind === kind && !condition.negate) condition.conditions.forEach(add);
    else byText.set(renderElement(condition), condition);
  };
  for (const condition of conditions) add(canonicalCondition(condition));
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, condition]) => condition);
}

function canonicalCondition(condition: Condition): Condition {
  if (condition.kind === 'embed-null') return condition;
  if (condition.kind !== 'and' && condition.kind !== 'or') return canonicalFilter(condition);
  const conditions = canonicalList(condition.kind, condition.conditions);
  const [only] = conditions;
  if (conditions.length === 1 && only) return condition.negate ? { ...only, negate: !only.negate } : only;
  return { ...condition, conditions };
}

function canonicalFilter(filter: Filter): Filter {
  switch (filter.kind) {
    case 'is':
      return filter.value === 'not_null' ? { ...filter, value: 'null', negate: !filter.negate } : filter;
    case 'in': {
      const values = [...new Set(filter.values)].sort();
      const [only] = values;
      if (values.length !== 1 || only === undefined) return { ...filter, values };
      const { field, negate } = filter;
      return { kind: 'compare', field, negate, op: 'eq', quantifier: null, value: only };
    }
    case 'compare':
      if (filter.op === 'neq') return { ...filter, op: 'eq', negate: !filter.negate };
      if (filter.op !== 'like' && filter.op !== 'ilike') return filter;
      return { ...filter, value: likePattern(filter.value) };
    case 'fts':
      return filter;
  }
}

/** As in PostgREST, `*` stands for `%`, which URLs would need to escape. */
export function likePattern(value: string): string {
  return value.replaceAll('*', '%');
}
