/** Embeds become lateral joins, so that the whole query is one statement whatever its depth. */
import type { Embed, Level, OrderTerm } from '@tidemark/query';
import { postgrest } from '../errors.ts';
import { conditionsSql } from './conditions.ts';
import { planEmbed, relatedValueSql } from './embed.ts';
import { aggregateSql, fieldSql, outputName, plainValueSql, type Source } from './fields.ts';
import type { EmbedJoin, LevelSql, Output, PlanContext } from './level-sql.ts';
import { columnOf, identifier } from './params.ts';

export function planLevel(context: PlanContext, level: Level, source: Source): LevelSql {
  const { params } = context;
  const aggregating = level.select.some(aggregates);
  const outputs: Output[] = [];
  const joins: EmbedJoin[] = [];
  for (const item of level.select) {
    switch (item.kind) {
      case 'star':
        outputs.push(...starOutputs(source, aggregating || source.hasMore === true));
        break;
      case 'count':
        outputs.push({ name: outputName(item), sql: aggregateSql(context.catalog, item, ''), aggregated: true });
        break;
      case 'column': {
        const value = plainValueSql(context.catalog, source, item);
        const aggregated = item.aggregate !== null;
        const sql = aggregated ? aggregateSql(context.catalog, item, value) : value;
        outputs.push({ name: outputName(item), sql, aggregated });
        break;
      }
      case 'embed': {
        const join = planEmbed(context, item, source, aggregating, planLevel);
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
  const where = conditionsSql(level.where, source, params, embedIsNull);
  return {
    outputs,
    joins: tested.size === 0 ? joins : joins.map((join) => (tested.has(join) ? { ...join, filters: true } : join)),
    where,
    groupBy: aggregating ? groupBySql(outputs) : '',
    orderBy: orderBySql(context, level, source, joins),
    limit: limitSql(context, level),
  };
}

function aggregates(item: Level['select'][number]): boolean {
  if (item.kind === 'count') return true;
  if (item.kind === 'column') return item.aggregate !== null;
  return item.kind === 'embed' && item.spread && item.select.some(aggregates);
}

function starOutputs(source: Source, expanded: boolean): Output[] {
  if (!expanded || !source.relation) {
    return [{ name: '*', sql: `${identifier(source.alias)}.*`, aggregated: false }];
  }
  return [...source.relation.columns.keys()].map((name) => ({
    name,
    sql: columnOf(source.alias, name),
    aggregated: false,
  }));
}

/** Groups by position, because Postgres does not recognise the same expression with other parameters. */
function groupBySql(outputs: readonly Output[]): string {
  const positions = outputs.flatMap((output, i) => (output.aggregated ? [] : [i + 1]));
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
  const embed = level.select.find(
    (item): item is Embed => item.kind === 'embed' && (item.alias ?? item.name) === term.related,
  );
  const join = joins.find((candidate) => candidate.name === term.related);
  if (!embed || !join?.relationship.toOne) {
    throw postgrest.PGRST118({ parent: source.relation?.name ?? source.alias, child: term.related ?? '' });
  }
  return relatedValueSql(context, join.relationship, source, term.field);
}

function limitSql(context: PlanContext, level: Level): string {
  const { maxRows, params } = context;
  const limit = maxRows === null ? level.limit : Math.min(level.limit ?? maxRows, maxRows);
  const limitText = limit === null ? '' : ` limit ${params.bind(String(limit))}::int8`;
  return level.offset > 0 ? `${limitText} offset ${params.bind(String(level.offset))}::int8` : limitText;
}
