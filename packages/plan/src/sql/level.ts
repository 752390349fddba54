/** Embeds become lateral joins, so that the whole query is one statement whatever its depth. */
import type { Condition, Embed, Level, OrderTerm } from '@tidemark/query';
import type { Catalog, Relation } from '../catalog/catalog.ts';
import { findRelationship } from '../catalog/find-relationship.ts';
import { postgrest } from '../errors.ts';
import { conditionsSql } from './conditions.ts';
import { planEmbed, relatedValueSql } from './embed.ts';
import {
  aggregateOutput,
  fieldSql,
  isRepresented,
  outputName,
  plainValueSql,
  representedOf,
  representedSql,
  type Source,
} from './fields.ts';
import type { EmbedJoin, LevelSql, LevelUse, Output, PlanContext } from './level-sql.ts';
import { columnOf, identifier } from './params.ts';

export function planLevel(context: PlanContext, level: Level, source: Source, use: LevelUse = {}): LevelSql {
  const { catalog, params } = context;
  const aggregating = use.hoists !== true && aggregates(catalog, source.relation, level);
  const grouped = aggregating || use.grouped === true;
  const outputs: Output[] = [];
  const joins: EmbedJoin[] = [];
  for (const item of level.select) {
    switch (item.kind) {
      case 'star':
        outputs.push(
          ...starOutputs(context, source, grouped, aggregating || source.hasMore === true || use.expands === true),
        );
        break;
      case 'count':
        outputs.push(aggregateOutput(context, item, '1', use));
        break;
      case 'column': {
        const value = plainValueSql(context, source, item, grouped);
        outputs.push(
          item.aggregate === null
            ? {
                name: outputName(item),
                sql: value,
                aggregated: false,
                ...(aggregating && representedOf(source, item)),
                ...(item.cast === null && !isRepresented(source) && { field: item.field }),
              }
            : aggregateOutput(context, item, value, use),
        );
        break;
      }
      case 'embed': {
        const join = planEmbed(context, item, source, { grouped, hoists: use.hoists === true }, planLevel);
        joins.push(join);
        outputs.push(...join.outputs);
      }
    }
  }
  const tested = new Set<EmbedJoin>();
  const embedIsNull = (name: string) => {
    const join = joins.find((candidate) => candidate.name === name);
    if (join) tested.add(join);
    return join ? join.isNull : 'false';
  };
  checkEmbedFilters(level, source);
  const where = conditionsSql(level.where, source, params, embedIsNull);
  return {
    outputs,
    joins: tested.size === 0 ? joins : joins.map((join) => (tested.has(join) ? { ...join, filters: true } : join)),
    where,
    aggregates: aggregating,
    groupBy: aggregating ? groupBySql(outputs) : '',
    orderBy: orderBySql(context, level, source, joins),
    limit: limitSql(context, level, use),
  };
}

/** A filter on an embed's name is one on a column of that name, else an error: only null tests apply to embeds. */
function checkEmbedFilters({ where, select }: Level, { relation, columns }: Source): void {
  if (where.length === 0) return;
  const embeds = new Set(select.flatMap((item) => (item.kind === 'embed' ? [item.alias ?? item.name] : [])));
  if (embeds.size === 0) return;
  const check = (condition: Condition): void => {
    if (condition.kind === 'embed-null') return;
    if (condition.kind === 'and' || condition.kind === 'or') {
      for (const part of condition.conditions) check(part);
      return;
    }
    const { name } = condition.field;
    const isColumn = relation ? relation.columns.has(name) || relation.computed.has(name) : columns?.includes(name);
    if (embeds.has(name) && !isColumn) throw postgrest.PGRST120({ name });
  };
  for (const condition of where) check(condition);
}

/** Aggregates in the spread of a to-one embed are computed over the rows of the parent. */
function aggregates(catalog: Catalog, relation: Relation | null, level: Level): boolean {
  return level.select.some((item) => {
    if (item.kind === 'count') return true;
    if (item.kind === 'column') return item.aggregate !== null;
    if (item.kind !== 'embed' || !item.spread || relation === null) return false;
    const { to, toOne } = findRelationship(catalog, relation, item);
    return toOne && aggregates(catalog, catalog.relation(to.schema, to.name) ?? null, item);
  });
}

function starOutputs(context: PlanContext, source: Source, grouped: boolean, expanded: boolean): Output[] {
  if (!source.relation || !(expanded || isRepresented(source))) {
    return [{ name: '*', sql: `${identifier(source.alias)}.*`, aggregated: false }];
  }
  return [...source.relation.columns.keys()].map((name) => ({
    name,
    sql: representedSql(context, source, name, grouped) ?? columnOf(source.alias, name),
    aggregated: false,
    ...(!isRepresented(source) && { field: { name, json: [] } }),
  }));
}

/** Groups by position, because Postgres does not recognise the same expression with other parameters. */
function groupBySql(outputs: readonly Output[]): string {
  const positions = outputs.flatMap((output, i) => (output.aggregated ? [] : [output.represents ?? i + 1]));
  return positions.length > 0 ? ` group by ${positions.join(', ')}` : '';
}

function orderBySql(context: PlanContext, level: Level, source: Source, joins: readonly EmbedJoin[]): string {
  if (level.order.length === 0) return '';
  const terms = level.order.map((term) => {
    const value =
      term.related === null ? fieldSql(source, term.field) : relatedSql(context, level, source, term, joins);
    return `${value}${term.direction ? ` ${term.direction}` : ''}${term.nulls ? ` nulls ${term.nulls}` : ''}`;
  });
  return ` order by ${terms.join(', ')}`;
}

function relatedSql(
  context: PlanContext,
  level: Level,
  source: Source,
  term: OrderTerm,
  joins: readonly EmbedJoin[],
): string {
  // An embed is found by its name also where it has an alias, as in the other parameters.
  const isRelated = (item: Level['select'][number]): item is Embed =>
    item.kind === 'embed' && (item.alias === term.related || item.name === term.related);
  const embed = level.select.find(isRelated);
  const join = embed && joins[level.select.filter(({ kind }) => kind === 'embed').indexOf(embed)];
  if (!embed || !join?.relationship.toOne) {
    throw postgrest.PGRST118({ parent: source.relation?.name ?? source.alias, child: term.related ?? '' });
  }
  const { relationship } = join;
  const { field } = term;
  return join.columnOf(field) ?? relatedValueSql(context, { embed, relationship, field }, source, planLevel);
}

function limitSql(context: PlanContext, level: Level, { single }: LevelUse): string {
  const { params } = context;
  const maxRows = single === undefined ? context.maxRows : single === 'first' ? 1 : null;
  const limit = maxRows === null ? level.limit : Math.min(level.limit ?? maxRows, maxRows);
  const limitText = limit === null ? '' : ` limit ${params.bind(String(limit))}::int8`;
  return level.offset > 0 ? `${limitText} offset ${params.bind(String(level.offset))}::int8` : limitText;
}
