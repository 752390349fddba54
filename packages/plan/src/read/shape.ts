/** Two queries of one shape (the query without its values) have the same SQL, and differ only in their parameters. */
import { arrayLiteral } from '@tidemark/db';
import { type Condition, type Field, type Level, likePattern, type Query, type SelectNode } from '@tidemark/query';

export interface Shape {
  readonly text: string;
  readonly values: readonly string[];
}

export function shapeOf(query: Level, maxRows: number | null): Shape {
  const values: string[] = [];
  return { text: levelText(query, maxRows, values), values };
}

/** A name starts with its length, so that two names cannot be confused with one. */
const name = (text: string | null): string => (text === null ? '-' : `${text.length}:${text}`);

function levelText(level: Level, maxRows: number | null, values: string[]): string {
  let text = '';
  for (const item of level.select) text += itemText(item, maxRows, values);
  text += '?';
  for (const condition of level.where) text += conditionText(condition, values);
  text += '^';
  for (const term of level.order) {
    text += `${name(term.related)}${fieldText(term.field)}${term.direction}${term.nulls}`;
  }
  if (level.limit !== null) {
    values.push(String(maxRows === null ? level.limit : Math.min(level.limit, maxRows)));
    text += 'L';
  }
  if (level.offset > 0) {
    values.push(String(level.offset));
    text += 'O';
  }
  return `${text};`;
}

function itemText(item: SelectNode, maxRows: number | null, values: string[]): string {
  switch (item.kind) {
    case 'star':
      return '*';
    case 'count':
      return `#${name(item.alias)}${name(item.cast)}`;
    case 'column':
      return `,${fieldText(item.field)}${name(item.alias)}${name(item.cast)}${name(item.aggregate)}${name(item.aggregateCast)}`;
    case 'embed': {
      const how = `${item.spread ? '.' : '('}${name(item.name)}${name(item.alias)}${name(item.hint)}${name(item.join)}`;
      return `${how}${levelText(item, maxRows, values)})`;
    }
  }
}

function fieldText(field: Field): string {
  let text = name(field.name);
  for (const step of field.json) text += `${step.arrow}${step.kind === 'index' ? step.index : `'${name(step.key)}`}`;
  return text;
}

function conditionText(condition: Condition, values: string[]): string {
  const not = condition.negate ? '!' : '';
  switch (condition.kind) {
    case 'and':
    case 'or': {
      let text = `${not}${condition.kind}(`;
      for (const part of condition.conditions) text += conditionText(part, values);
      return `${text})`;
    }
    case 'embed-null':
      return `${not}0${name(condition.embed)}`;
    case 'is':
      return `${not}is${condition.value}${fieldText(condition.field)}`;
    case 'in':
      values.push(arrayLiteral([...condition.values]));
      return `${not}in${fieldText(condition.field)}`;
    case 'fts':
      if (condition.language !== null) values.push(condition.language);
      values.push(condition.value);
      return `${not}${condition.op}${condition.language === null ? '' : '@'}${fieldText(condition.field)}`;
    case 'compare': {
      const { op, value, quantifier } = condition;
      values.push(op === 'like' || op === 'ilike' ? likePattern(value) : value);
      return `${not}${op}${quantifier ?? ''}${fieldText(condition.field)}`;
    }
  }
}

export function markedQuery(query: Query): { query: Query; marks: string[] } {
  const marks: string[] = [];
  const text = () => {
    marks.push(`\u0001${marks.length}\u0001`);
    return marks[marks.length - 1] as string;
  };
  const number = (value: number) => {
    marks.push(String(value));
    return value;
  };

  function condition(node: Condition): Condition {
    switch (node.kind) {
      case 'and':
      case 'or':
        return { ...node, conditions: node.conditions.map(condition) };
      case 'in': {
        const mark = text();
        marks[marks.length - 1] = arrayLiteral([mark]);
        return { ...node, values: [mark] };
      }
      case 'fts':
        return { ...node, language: node.language === null ? null : text(), value: text() };
      case 'compare':
        return { ...node, value: text() };
      default:
        return node;
    }
  }

  function level<L extends Level>(node: L): L {
    const select = node.select.map((item) => (item.kind === 'embed' ? level(item) : item));
    const where = node.where.map(condition);
    // No request can contain these numbers: they are below any limit, and beyond the range of Postgres.
    const limit = node.limit === null ? null : number(-1 - marks.length);
    const offset = node.offset > 0 ? number(9_000_000_000_000_000 + marks.length) : 0;
    return { ...node, select, where, limit, offset };
  }

  return { query: level(query), marks };
}
