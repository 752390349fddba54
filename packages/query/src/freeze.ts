/** Requests, subscriptions and caches share a query. */
import type { Condition, Field, Level, Query } from './ast.ts';

export function freezeQuery(query: Query): Query {
  freezeLevel(query);
  if (query.columns) Object.freeze(query.columns);
  if (query.onConflict) Object.freeze(query.onConflict);
  for (const pair of query.pairs) Object.freeze(pair);
  Object.freeze(query.args);
  Object.freeze(query.pairs);
  return query;
}

function freezeLevel(level: Level): void {
  for (const node of level.select) {
    if (node.kind === 'column') freezeField(node.field);
    if (node.kind === 'embed') freezeLevel(node);
    else Object.freeze(node);
  }
  for (const condition of level.where) freezeCondition(condition);
  for (const term of level.order) {
    freezeField(term.field);
    Object.freeze(term);
  }
  Object.freeze(level.select);
  Object.freeze(level.where);
  Object.freeze(level.order);
  Object.freeze(level);
}

function freezeCondition(condition: Condition): void {
  if (condition.kind === 'and' || condition.kind === 'or') {
    for (const inner of condition.conditions) freezeCondition(inner);
    Object.freeze(condition.conditions);
  } else if (condition.kind !== 'embed-null') {
    freezeField(condition.field);
    if (condition.kind === 'in') Object.freeze(condition.values);
  }
  Object.freeze(condition);
}

function freezeField(field: Field): void {
  for (const step of field.json) Object.freeze(step);
  Object.freeze(field.json);
  Object.freeze(field);
}
