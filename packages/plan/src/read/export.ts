import type { Statement } from '@tidemark/db';
import type { Query } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { fromSql, outputOf, planContext, rootSource } from '../sql/context.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { pageFirstSql } from '../sql/page-first.ts';
import { Params } from '../sql/params.ts';

export function planExport(catalog: Catalog, relation: Relation, query: Query, kind?: string): Statement {
  const params = new Params();
  const context = planContext(catalog, params, null, outputOf(kind));
  const source = rootSource(context, relation);
  const level = planLevel(context, query, source);
  // The form that takes the page first sorts twice, which is too slow for all rows.
  const paged = query.limit !== null || query.offset > 0;
  const first = paged ? pageFirstSql(catalog, source, query, level) : null;
  return { text: first ?? selectSql(level, fromSql(source)), params: params.values };
}
