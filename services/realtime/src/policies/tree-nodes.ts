/** Properties of the nodes of pg_node_tree: whether they only compute from their parts, their type, the value of a query. */
import { TYPES } from './expression.ts';
import { isNode, type NodeValue, number } from './node-text.ts';

/** Nodes that only compute from their parts. If there are two forms, Postgres 15 and earlier write the shorter one. */
export const PLAIN: ReadonlySet<string> = new Set([
  'VAR',
  'OPEXPR',
  'FUNCEXPR',
  'NULLTEST',
  'BOOLEANTEST',
  'RELABELTYPE',
  'DISTINCTEXPR',
  'NULLIFEXPR',
  ...[
    'SCALARARRAYOPEXPR',
    'ARRAY',
    'ARRAYEXPR',
    'COALESCE',
    'COALESCEEXPR',
    'MINMAX',
    'MINMAXEXPR',
    'CASE',
    'CASEEXPR',
  ],
  'WHEN',
  'CASEWHEN',
  'CASETESTEXPR',
  'COERCEVIAIO',
  'ARRAYCOERCEEXPR',
  'COLLATEEXPR',
  'COLLATE',
  'CONST',
  ...[
    'SUBLINK',
    'QUERY',
    'FROMEXPR',
    'TARGETENTRY',
    'RANGETBLREF',
    'RTE',
    'RANGETBLENTRY',
    'RANGETBLFUNCTION',
    'ALIAS',
  ],
]);

export const EXPRESSION_SUBLINK = '4';

/** Returns the value of a query that has one value and reads no table. */
export function onlyValue(query: NodeValue | undefined): NodeValue | undefined {
  if (!isNode(query) || query.tag !== 'QUERY' || number(query, 'commandType') !== 1) return undefined;
  const isNothing = (value: NodeValue) =>
    value === null || value === 'false' || value === '0' || (Array.isArray(value) && value.length === 0);
  for (const [name, value] of query.fields) {
    if (UNIMPORTANT.has(name) || isNothing(value)) continue;
    if (name !== 'jointree' || !isNode(value) || ![...value.fields.values()].every(isNothing)) return undefined;
  }
  const targets = query.fields.get('targetList');
  const [target] = Array.isArray(targets) && targets.length === 1 ? targets : [];
  return isNode(target) ? target.fields.get('expr') : undefined;
}

const UNIMPORTANT = new Set([
  'commandType',
  'canSetTag',
  'isReturn',
  'hasSubLinks',
  'targetList',
  'stmt_location',
  'stmt_len',
  'location',
]);

export const isText = (type: number | undefined): boolean => type === TYPES.text || type === TYPES.varchar;

const TYPE_FIELDS = [
  'consttype',
  'vartype',
  'opresulttype',
  'funcresulttype',
  'resulttype',
  'coalescetype',
  'paramtype',
  'casetype',
];

export function typeOf(value: NodeValue | undefined): number | undefined {
  if (!isNode(value)) return undefined;
  if (value.tag === 'SUBLINK') {
    const isValue = value.fields.get('subLinkType') === EXPRESSION_SUBLINK;
    return isValue ? typeOf(onlyValue(value.fields.get('subselect'))) : TYPES.bool;
  }
  const field = TYPE_FIELDS.find((name) => value.fields.has(name));
  return field === undefined ? undefined : number(value, field);
}
