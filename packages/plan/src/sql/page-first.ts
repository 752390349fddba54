/**
 * Takes the page before its embeds are computed. A LIMIT above lateral joins makes Postgres compute the embeds of every row
 * that OFFSET skips; below them, only those of the page.
 */
import type { Level } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { type LevelSql, outputsSql } from './level-sql.ts';
import { columnOf, identifier } from './params.ts';

/** The SELECT of the root level; null where an embed takes part in which rows there are, or needs more than plain columns. */
export function pageFirstSql(
  catalog: Catalog,
  relation: Relation,
  query: Level,
  level: LevelSql,
  from: string,
): string | null {
  if (level.joins.length === 0 || level.groupBy !== '' || level.joins.some((join) => join.filters)) return null;
  const columns = plainColumns(catalog, relation, query);
  if (columns === null) return null;
  const alias = identifier(relation.name);
  const list = columns === 'all' ? `${alias}.*` : [...columns].map((c) => columnOf(relation.name, c)).join(', ') || '1';
  const where = level.where.length > 0 ? ` where ${level.where.join(' and ')}` : '';
  const page = `select ${list} from ${from}${where}${level.orderBy}${level.limit}`;
  const joins = level.joins.map((join) => ` ${join.sql}`).join('');
  // Ordered again: what a join keeps of its input's order is Postgres's to decide. A page is cheap to sort.
  return `select ${outputsSql(level.outputs)} from (${page}) as ${alias}${joins}${level.orderBy}`;
}

/** Those that the answer, its order and its joins need, so that a right to some columns goes on being enough. */
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
      // A function of the row needs the row as its own type.
      if (relationship.kind === 'computed') return null;
      const pairs = relationship.kind === 'key' ? relationship.columns : relationship.near.columns;
      for (const pair of pairs) needed.add(pair.from);
    }
  }
  // A computed column is no column of a subselect.
  for (const column of needed) if (!relation.columns.has(column)) return null;
  return all ? 'all' : needed;
}
