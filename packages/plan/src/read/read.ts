import type { Statement } from '@tidemark/db';
import type { Query, RowsMedia } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { bodySql } from '../sql/body.ts';
import { fromSql, outputOf, planContext, rootSource } from '../sql/context.ts';
import { planLevel } from '../sql/level.ts';
import { type LevelSql, selectSql } from '../sql/level-sql.ts';
import { pageFirstSql } from '../sql/page-first.ts';
import { Params } from '../sql/params.ts';
import { responseSettingsSql } from '../sql/response-settings.ts';
import { primaryKeySelectSql } from './primary-key-read.ts';

export interface ReadOptions {
  media: RowsMedia;
  exactCount: boolean;
  countLimit?: number | null;
  maxRows: number | null;
  /** Also returns `response.headers` and `response.status`, which a function before the statement may have set. */
  settings?: boolean;
}

/** `head` and `tail` are the general form in two parts, between which columns can be added. `text` may have another form. */
export interface ReadPlan extends Statement {
  readonly head: string;
  readonly tail: string;
  readonly params: readonly (string | null)[];
}

export function planRead(catalog: Catalog, relation: Relation, query: Query, options: ReadOptions): ReadPlan {
  const params = new Params();
  const context = planContext(catalog, params, options.maxRows, outputOf(options.media.kind));
  const source = rootSource(context, relation);
  const level = planLevel(context, query, source);
  const from = fromSql(source);
  const total = options.exactCount ? countSql(level, from, options.countLimit) : 'null::int8';
  const head = `select ${bodySql(options.media)} as body, count("_t".*) as rows, ${total} as total${options.settings ? `, ${responseSettingsSql}` : ''}`;
  const select = pageFirstSql(catalog, source, query, level) ?? selectSql(level, from);
  const tail = ` from (${select}) as "_t"`;
  const apart = options.settings ? null : primaryKeySelectSql(relation, query, options.media, options.exactCount);
  return { head, tail, text: `${apart === null ? head : `select ${apart}`}${tail}`, params: params.values };
}

/** Only joins that filter are included. */
export function countSql(level: LevelSql, from: string, limit: number | null = null): string {
  const counted: LevelSql = {
    ...level,
    outputs: level.aggregates ? level.outputs : [],
    joins: level.aggregates ? level.joins : level.joins.filter((join) => join.filters),
    orderBy: '',
    limit: limit === null ? '' : ` limit ${limit}`,
  };
  return `(select count(*) from (${selectSql(counted, from)}) as "_all")`;
}

export function planEstimate(catalog: Catalog, relation: Relation, query: Query): Statement {
  const params = new Params();
  const all: Query = { ...query, order: [], limit: null, offset: 0 };
  const context = planContext(catalog, params, null);
  const source = rootSource(context, relation);
  const level = planLevel(context, all, source);
  return { text: `explain (format json) ${selectSql(level, fromSql(source))}`, params: params.values, prepare: false };
}
