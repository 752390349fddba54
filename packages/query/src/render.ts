import type { Condition, Embed, Field, Filter, Level, OrderTerm, Pair, Query, SelectNode } from './ast.ts';

/** Words that the grammar reserves in some places unless they are quoted. */
const KEYWORDS: ReadonlySet<string> = new Set(
  'select columns on_conflict order limit offset and or not count inner left'.split(' '),
);
const PLAIN_NAME = /^[A-Za-z0-9_$]+$/;
const PLAIN_JSON_KEY = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PLAIN_ELEMENT = /^[A-Za-z0-9_.:@+*%/-]+$/;

/** `parseQuery(render(query))` has the same levels; a query with arguments needs the same `argumentNames`. */
export function render(query: Query): string {
  return encodePairs(queryPairs(query));
}

export function encodePairs(pairs: readonly Pair[]): string {
  return pairs.map(([key, value]) => `${encode(key)}=${encode(value)}`).join('&');
}

export function queryPairs(query: Query): Pair[] {
  const pairs: Pair[] = [];
  const [only] = query.select;
  if (query.select.length !== 1 || only?.kind !== 'star') pairs.push(['select', renderSelect(query.select)]);
  levelPairs(query, '', pairs);
  if (query.columns) pairs.push(['columns', query.columns.map(renderName).join(',')]);
  if (query.onConflict) pairs.push(['on_conflict', query.onConflict.map(renderName).join(',')]);
  if (query.after !== null) pairs.push(['after', query.after]);
  if (query.tidemark !== null) pairs.push(['tidemark', query.tidemark]);
  pairs.push(...query.args);
  return pairs;
}

function levelPairs(level: Level, path: string, pairs: Pair[]): void {
  for (const condition of level.where) pairs.push(conditionPair(condition, path));
  if (level.order.length > 0) pairs.push([`${path}order`, level.order.map(renderOrderTerm).join(',')]);
  if (level.limit !== null) pairs.push([`${path}limit`, String(level.limit)]);
  if (level.offset > 0) pairs.push([`${path}offset`, String(level.offset)]);
  for (const node of level.select) {
    if (node.kind === 'embed') levelPairs(node, `${path}${renderName(pathName(level, node))}.`, pairs);
  }
}

/** Returns the name that leads to this embed: its alias, unless an earlier embed has that name. */
function pathName(level: Level, embed: Embed): string {
  if (embed.alias === null) return embed.name;
  const first = level.select.find(
    (node) => node.kind === 'embed' && (node.alias === embed.alias || node.name === embed.alias),
  );
  return first === embed ? embed.alias : embed.name;
}

function conditionPair(condition: Condition, path: string): Pair {
  const not = condition.negate ? 'not.' : '';
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [`${path}${not}${condition.kind}`, renderElements(condition.conditions)];
    case 'embed-null':
      return [`${path}${renderName(condition.embed)}`, `${not}is.null`];
    default:
      return [`${path}${renderField(condition.field)}`, renderOperation(condition, (value) => value)];
  }
}

export function renderCondition(condition: Condition): string {
  return conditionPair(condition, '').join('=');
}

function renderElements(conditions: readonly Condition[]): string {
  return `(${conditions.map(renderElement).join(',')})`;
}

export function renderElement(condition: Condition): string {
  const not = condition.negate ? 'not.' : '';
  switch (condition.kind) {
    case 'and':
    case 'or':
      return `${not}${condition.kind}${renderElements(condition.conditions)}`;
    case 'embed-null':
      return `${renderName(condition.embed)}.${not}is.null`;
    default:
      return `${renderField(condition.field)}.${renderOperation(condition, quoteElement)}`;
  }
}

function renderOperation(filter: Filter, renderValue: (value: string) => string): string {
  const not = filter.negate ? 'not.' : '';
  switch (filter.kind) {
    case 'in':
      return `${not}in.(${filter.values.map(quoteElement).join(',')})`;
    case 'is':
      return `${not}is.${filter.value}`;
    case 'fts':
      return `${not}${filter.op}${filter.language === null ? '' : `(${filter.language})`}.${renderValue(filter.value)}`;
    case 'compare':
      return `${not}${filter.op}${filter.quantifier === null ? '' : `(${filter.quantifier})`}.${renderValue(filter.value)}`;
  }
}

function renderSelect(nodes: readonly SelectNode[]): string {
  return nodes.map(renderNode).join(',');
}

function renderNode(node: SelectNode): string {
  switch (node.kind) {
    case 'star':
      return '*';
    case 'count':
      return `${renderAlias(node.alias)}count()${renderCast(node.cast)}`;
    case 'column': {
      const aggregate = node.aggregate === null ? '' : `.${node.aggregate}()${renderCast(node.aggregateCast)}`;
      return `${renderAlias(node.alias)}${renderField(node.field)}${renderCast(node.cast)}${aggregate}`;
    }
    case 'embed': {
      const head = node.spread ? '...' : renderAlias(node.alias);
      const hint = node.hint === null ? '' : `!${renderName(node.hint)}`;
      const join = node.join === null ? '' : `!${node.join}`;
      return `${head}${renderName(node.name)}${hint}${join}(${renderSelect(node.select)})`;
    }
  }
}

function renderOrderTerm(term: OrderTerm): string {
  const field = renderField(term.field);
  const target = term.related === null ? field : `${renderName(term.related)}(${field})`;
  return `${target}${term.direction === null ? '' : `.${term.direction}`}${term.nulls === null ? '' : `.nulls${term.nulls}`}`;
}

function renderField(field: Field): string {
  return renderName(field.name) + field.json.map((step) => step.arrow + renderStep(step)).join('');
}

function renderStep(step: Field['json'][number]): string {
  if (step.kind === 'index') return String(step.index);
  return PLAIN_JSON_KEY.test(step.key) ? step.key : quote(step.key);
}

function renderAlias(alias: string | null): string {
  return alias === null ? '' : `${renderName(alias)}:`;
}

function renderCast(cast: string | null): string {
  return cast === null ? '' : `::${cast}`;
}

function renderName(name: string): string {
  return PLAIN_NAME.test(name) && !KEYWORDS.has(name) ? name : quote(name);
}

function quoteElement(value: string): string {
  return PLAIN_ELEMENT.test(value) ? value : quote(value);
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function encode(text: string): string {
  return encodeURIComponent(text).replaceAll('%2C', ',').replaceAll('%3A', ':');
}
