import type { Statement } from '@tidemark/db';
import type { Query } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { planLevel } from '../sql/level.ts';
import { selectSql } from '../sql/level-sql.ts';
import { pageFirstSql } from '../sql/page-first.ts';
import { identifier, Params, qualified } from '../sql/params.ts';
import { planContext } from './read.ts';

export function planExport(catalog: Catalog, relation: Relation, query: Query): Statement {
  const params = new Params();
  const level = planLevel(planContext(catalog, params, null), query, { alias: relation.name, relation });
  const from = `${qualified(relation)} as ${identifier(relation.name)}`;
  // The form that takes the page first sorts twice, which is too slow for all rows.
  const paged = query.limit !== null || query.offset > 0;
  const first = paged ? pageFirstSql(catalog, relation, query, level, from) : null;
  return { text: first ?? selectSql(level, from), params: params.values };
}
