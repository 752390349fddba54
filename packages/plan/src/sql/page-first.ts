/**
 * With a LIMIT above lateral joins Postgres computes the embeds of every row that OFFSET skips; below them, only
 * those of the page.
 */
import type { Level } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { fromSql, type RootSource } from './context.ts';
import { type LevelSql, outputsSql } from './level-sql.ts';
import { columnOf, identifier } from './params.ts';

export function pageFirstSql(catalog: Catalog, source: RootSource, query: Level, level: LevelSql): string | null {
  if (level.joins.length === 0 || level.aggregates || level.joins.some((join) => join.filters)) return null;
  const columns = plainColumns(catalog, source.relation, query);
  if (columns === null) return null;
  const alias = identifier(source.alias);
  const list = columns === 'all' ? `${alias}.*` : [...columns].map((c) => columnOf(source.alias, c)).join(', ');
  const where = level.where.length > 0 ? ` where ${level.where.join(' and ')}` : '';
  const page = `select ${list} from ${fromSql(source)}${where}${level.orderBy}${level.limit}`;
  const joins = level.joins.map((join) => ` ${join.sql}`).join('');
  // The rows are sorted again, because a join need not keep the order of its input. A page is small.
  return `select ${outputsSql(level.outputs)} from (${page}) as ${alias}${joins}${level.orderBy}`;
}

/** Returns the columns that the response, its order and its joins need, so that a right to those columns suffices. */
function plainColumns(catalog: Catalog, relation: Relation, query: Level): ReadonlySet<string> | 'all' | null {
  const needed = new Set<string>();
  let all = false;
  for (const term of query.order) {
    if (term.related !== null) return null;
    needed.add(term.field.name);
  }
  for (const item of query.select) {
    if (item.kind === 'star') all = true;
    else if (item.kind === 'column') needed.add(item.field.name);
    else if (item.kind === 'embed') {
      const relationship = findRelationship(catalog, relation, item);
      // A function on the row needs the row in its own type.
      if (relationship.kind === 'computed') return null;
      const pairs = relationship.kind === 'key' ? relationship.columns : relationship.near.columns;
      for (const pair of pairs) needed.add(pair.from);
    }
  }
  // A computed column is not a column of a subselect.
  for (const column of needed) if (!relation.columns.has(column)) return null;
  return all ? 'all' : needed;
}
